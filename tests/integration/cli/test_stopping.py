"""SIGTERM while requests are on their way: what is in flight is finished, the rest is the next worker's."""

import asyncio
import http.client
import json
import signal
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.bus import open_bus
from bridge.sandbox import BY_NAME
from bridge.settings import Settings
from tests.support import mllp
from tests.support.hospital import hospital_on
from tests.support.ports import free_port
from tests.support.processes import child, wait_until_ready, worker
from tests.support.requests import cloud_event, record_request

REQUESTS = 5
AT_ONCE = 2


def handled(log):
    """Correlation ids of the requests that a worker brought to their end."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        line["correlation_id"]
        for line in lines
        if line["event"] == "request_handled" and line["outcome"] == "completed"
    ]


@pytest.mark.nats
async def test_sigterm_finishes_what_is_in_flight_and_loses_nothing(environment, tmp_path, monkeypatch):
    environment |= {"BRIDGE_BUS_CONCURRENCY": str(AT_ONCE)}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_bus(Settings.load()) as bus, hospital_on(bus) as hospital:
        with worker(environment, output=tmp_path / "first.log") as first:
            asked = [
                await hospital.ask(cloud_event(record_request(BY_NAME["slow"].nhs_number)))
                for _ in range(REQUESTS)
            ]
            # The directory is asked right before the practice, which takes two seconds.
            await asyncio.to_thread(first.wait_for, '"upstream":"sds"')
            assert await asyncio.to_thread(first.stop) == 0
        finished = handled(first.output)
        assert 1 <= len(finished) <= AT_ONCE
        for correlation_id in finished:
            assert (await hospital.outcome(correlation_id))[-1][0] == "record.completed.v1"
        with worker(environment, output=tmp_path / "second.log") as second:
            outcomes = [await hospital.outcome(correlation_id) for correlation_id in asked]
            assert await asyncio.to_thread(second.stop) == 0
        assert sorted(finished + handled(second.output)) == sorted(asked)  # each once
        for events in outcomes:
            assert len(events) == 3
            assert events[-1][0] == "record.completed.v1"


def stops(port):
    """Whether a worker says that it takes nothing new any more."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10):
            return False
    except urllib.error.HTTPError:
        return True


@pytest.mark.nats
@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
async def test_who_is_told_twice_stops_as_if_told_once(environment, tmp_path, monkeypatch, again):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_bus(Settings.load()) as bus, hospital_on(bus) as hospital:
        with worker(environment, output=tmp_path / "worker.log") as told:
            asked = await hospital.ask(cloud_event(record_request(BY_NAME["slow"].nhs_number)))
            await asyncio.to_thread(told.wait_for, '"upstream":"sds"')
            told.process.send_signal(signal.SIGTERM)
            while not await asyncio.to_thread(stops, told.health_port):
                pass
            told.process.send_signal(again)
            assert await asyncio.to_thread(told.stop) == 0
        assert handled(told.output) == [asked]


def told_until_it_is_gone(port, path):
    """What a process answers to whoever asks again and again."""
    told = set()
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                answer.read()
                told.add(answer.status)
        except urllib.error.HTTPError as error:
            told.add(error.code)
        except (OSError, http.client.HTTPException):
            return told


@pytest.mark.nats
@pytest.mark.parametrize("arguments", [["run"], ["mllp", "send"], ["mllp", "listen"]], ids=" ".join)
def test_whoever_asks_while_a_process_stops_is_told_that_it_is_not_ready(environment, tmp_path, arguments):
    told = {
        "BRIDGE_HEALTH_PORT": str(port := free_port()),
        "BRIDGE_LOG_FORMAT": "json",
        "BRIDGE_MLLP_PEER": f"mllp://127.0.0.1:{free_port()}",
        "BRIDGE_LISTENER_PORT": str(free_port()),
        "BRIDGE_LISTENER_USERS_FILE": mllp.environment(tmp_path)["BRIDGE_LISTENER_USERS_FILE"],
    }
    log = tmp_path / "log"
    with (
        child("bridge", arguments, environment=environment | told, output=log) as started,
        ThreadPoolExecutor(8) as threads,
    ):
        wait_until_ready(started, port)
        asking = [threads.submit(told_until_it_is_gone, port, path) for path in ("/readyz", "/metrics") * 4]
        time.sleep(0.5)
        assert started.stop() == 0
        assert set().union(*(each.result() for each in asking)) <= {200, 503}
    levels = {json.loads(line)["level"] for line in log.read_text().splitlines()}
    assert "error" not in levels
