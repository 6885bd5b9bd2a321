"""Files that a process may have open: taken by connections without a word, or all in use, while requests come."""

import asyncio
import contextlib
import itertools
import resource
import socket
import ssl
from collections import deque
from pathlib import Path

import httpx

from bridge.engine.http.consumers import add_consumer
from tests.faults.installation import PIPELINE, until
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.processes import child, wait_until_ready

FILES = 160
"""That a worker may have open: what it needs itself, and not much more."""
IDLE = 1100
"""Connections without a word at a time, to each of its ports; those that it closes are opened again."""
SECONDS = 60
"""That a worker may be without a file in a test, at most."""
RUN = ("run", "--pipeline", PIPELINE)


@contextlib.asynccontextmanager
async def idle_connections(*ports):
    """Somebody opens connections as fast as they can, and says nothing on any."""
    opened: deque[socket.socket] = deque()
    is_over = asyncio.Event()

    def open_some():
        for port in ports:
            for _ in range(50):
                opened.append(socket.socket())
                opened[-1].setblocking(False)
                opened[-1].connect_ex(("127.0.0.1", port))  # waits for nothing
        while len(opened) > IDLE * len(ports):
            opened.popleft().close()

    async def go_on():
        while not is_over.is_set():
            open_some()
            await asyncio.sleep(0.5)

    while len(opened) < IDLE * len(ports):
        open_some()
        await asyncio.sleep(0.05)
    going_on = asyncio.create_task(go_on())
    try:
        yield
    finally:
        is_over.set()
        await going_on
        while opened:
            opened.pop().close()


def claims(folder: Path, port: int) -> tuple[dict[str, str], ssl.SSLContext, str]:
    """Settings of a claims port for any event but small ones, whom to trust, and a consumer's token."""
    authority = Authority(folder / "tls")
    issued = authority.issue("claims", hosts=("127.0.0.1",))
    token = add_consumer(folder / "consumers", "epr-1")
    settings = {
        "BRIDGE_CLAIMS_URL": f"https://127.0.0.1:{port}",
        "BRIDGE_CLAIMS_PORT": str(port),
        "BRIDGE_CLAIMS_ABOVE_BYTES": "1024",
        "BRIDGE_CLAIMS_CONSUMERS_FILE": str(folder / "consumers"),
        "BRIDGE_CLAIMS_CERT_FILE": str(issued.cert_file),
        "BRIDGE_CLAIMS_KEY_FILE": str(issued.key_file),
    }
    return settings, ssl.create_default_context(cafile=str(authority.ca_file)), token


async def fetched(url: str, context: ssl.SSLContext, token: str) -> bytes:
    """The data of a large event, by a consumer who asks until there is an answer."""
    async with httpx.AsyncClient(verify=context, headers={"authorization": f"Bearer {token}"}) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await client.get(url)
                assert answer.status_code == 200
                return answer.content
            await asyncio.sleep(0.1)


async def test_connections_without_a_word_stop_nothing(any_broker, installed, outages, tmp_path):
    health_port, claims_port = free_port(), free_port()
    settings, context, token = claims(tmp_path, claims_port)
    async with installed(any_broker, settings=settings) as site:
        environment = dict(site.environment) | {
            "BRIDGE_HEALTH_PORT": str(health_port),
            "BRIDGE_LOG_FORMAT": "json",
        }
        log = tmp_path / "worker.log"
        with child("bridge", RUN, environment=environment, output=log, fresh=True, files=FILES) as worker:
            outages.reads(log)
            wait_until_ready(worker, health_port)
            async with idle_connections(health_port, claims_port):
                await until(lambda: outages.logged("port_full"))
                ids = await site.epr.ask(*["rich_record"] * 3, "no_known_allergies")
                await site.epr.over(ids)
                [event] = [
                    event for kind, event in site.epr.events(ids[0]) if kind == "medications.published.v1"
                ]
                assert b"9990" in await fetched(event["dataref"], context, token)
                await asyncio.to_thread(wait_until_ready, worker, health_port)
                outages.did("/readyz")
            assert not outages.logged("no_descriptors"), "work keeps the files that it needs"
            ends = await site.accounts(ids)
    outages.saw("idle_connections", on=any_broker.title, ends=ends)


async def test_a_worker_without_a_file_left_goes_on_when_there_are_some(
    any_broker, installed, outages, tmp_path
):
    port = free_port()
    async with installed(any_broker) as site:
        environment = dict(site.environment) | {"BRIDGE_HEALTH_PORT": str(port), "BRIDGE_LOG_FORMAT": "json"}
        log = tmp_path / "worker.log"
        with child("bridge", RUN, environment=environment, output=log) as worker:
            outages.reads(log)
            wait_until_ready(worker, port)
            ids = await site.epr.ask("rich_record")  # what is loaded at the first call is there
            await site.epr.over(ids)
            pid = worker.process.pid
            in_use = {int(file.name) for file in Path(f"/proc/{pid}/fd").iterdir()}
            next_one = next(number for number in itertools.count() if number not in in_use)
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (next_one, before[1]))
            unanswered = socket.create_connection(("127.0.0.1", port), timeout=60)  # waits to be accepted
            with unanswered:
                ids += await site.epr.ask(*["no_known_allergies"] * 20)  # more than open a circuit
                await until(lambda: outages.logged("no_descriptors"))
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
                unanswered.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert b"200 OK" in await asyncio.to_thread(unanswered.recv, 100)
            await site.epr.over(ids)
            assert not outages.logged("circuit_changed"), "nobody else is to blame"
            complaints = log.read_text(encoding="utf-8").count("socket.accept() out of system resource")
            assert 1 <= complaints <= SECONDS, "one a second, not one for each connection"
            ends = await site.accounts(ids)
    outages.saw("no_descriptors", on=any_broker.title, ends=ends)
