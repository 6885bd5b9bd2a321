"""What stands around a worker fails: nobody takes its events, or its ledger cannot be written."""

import asyncio
import sqlite3
from uuid import uuid4

import pytest
import pytest_asyncio

from bridge.bus import open_bus
from bridge.engine import installed_pipelines
from bridge.engine.worker import consuming
from bridge.sandbox import BY_NAME, SandboxOptions, running
from bridge.settings import Settings
from tests.support.hospital import Hospital, hospital_on
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.rabbit
PIPELINES = ["structured_record"]


@pytest_asyncio.fixture
async def sandbox(tmp_path):
    async with running(SandboxOptions(state_dir=tmp_path)) as started:
        yield started


@pytest.fixture
def settings(sandbox, rabbit_url, tmp_path, monkeypatch):
    environment = sandbox.environment | {
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:12]}",
        "BRIDGE_BUS_URL": rabbit_url,
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
        "BRIDGE_STOP_GRACE": "10",
        "BRIDGE_LEDGER_LEASE_SECONDS": "3",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def a_request():
    return cloud_event(record_request(BY_NAME["rich_record"].nhs_number))


async def until(condition):
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.1)


async def test_events_that_no_queue_takes_are_owed_until_somebody_listens(settings):
    pipelines = installed_pipelines(PIPELINES)
    queue = pipelines[0].queue(settings.bus.prefix)
    request = a_request()
    async with open_bus(settings) as bus, open_bus(settings) as other, consuming(settings, pipelines, bus):
        await Hospital(other).ask(request)

        async def is_parked():
            return (await other.depth(queue)).dead == 1

        await until(is_parked)
        async with hospital_on(other) as hospital:
            await hospital.ask(request)  # replayed once the queue is bound
            events = await hospital.outcome(request["id"])
    assert [kind for kind, _ in events] == [
        "medications.published.v1",
        "allergies.published.v1",
        "record.completed.v1",
    ]


async def test_a_ledger_that_cannot_be_written_delays_and_loses_nothing(settings):
    pipelines = installed_pipelines(PIPELINES)
    queue = pipelines[0].queue(settings.bus.prefix)
    async with (
        open_bus(settings) as bus,
        open_bus(settings) as other,
        hospital_on(other) as hospital,
        consuming(settings, pipelines, bus),
    ):
        lock = sqlite3.connect(settings.state_dir / "ledger.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        request = a_request()
        await hospital.ask(request)

        async def is_waiting():
            return (await other.depth(queue)).waiting == 1

        await until(is_waiting)
        assert not hospital.events(request["id"])
        lock.execute("ROLLBACK")
        lock.close()
        events = await hospital.outcome(request["id"])
        assert events[-1][0] == "record.completed.v1"
        depth = await other.depth(queue)
        assert (depth.ready, depth.dead) == (0, 0)


async def test_two_workers_that_get_the_same_request_ask_the_practice_once(settings, sandbox):
    pipelines = installed_pipelines(PIPELINES)
    queue = pipelines[0].queue(settings.bus.prefix)
    slow = BY_NAME["slow"].nhs_number
    request = cloud_event(record_request(slow))
    async with (
        open_bus(settings) as first,
        open_bus(settings) as second,
        open_bus(settings) as theirs,
        hospital_on(theirs) as hospital,
        consuming(settings, pipelines, first),
        consuming(settings, pipelines, second),
    ):
        for copy in range(2):
            await hospital.ask(request, message_id=f"{request['id']}-{copy}")

        async def nothing_is_left():
            depth = await theirs.depth(queue)
            return hospital.deliveries and not (depth.ready or depth.waiting)

        await until(nothing_is_left)
    published = [delivery.id for found in hospital.deliveries.values() for delivery in found]
    assert len(published) == len(set(published)) == 3
    assert len(sandbox.calls.of("practice", nhs_number=slow)) == 1


@pytest.mark.nats
async def test_a_record_too_large_for_the_broker_fails_visibly(settings, nats_url, monkeypatch):
    monkeypatch.setenv("BRIDGE_BUS_URL", nats_url)  # takes 1 MB at most
    settings = Settings.load()
    pipelines = installed_pipelines(PIPELINES)
    request = cloud_event(record_request(BY_NAME["enormous"].nhs_number))
    async with (
        open_bus(settings) as bus,
        hospital_on(bus) as hospital,
        consuming(settings, pipelines, bus),
    ):
        await hospital.ask(request)
        ((kind, event),) = await hospital.outcome(request["id"])
    assert kind == "request.failed.v1"
    assert (event["data"]["code"], event["data"]["detail"]) == ("configuration", "event_too_large")
