"""A worker ends when it is told to, whatever it waits for."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from tests.support.bus_sites import until
from tests.support.processes import child, worker
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port that takes connections and never says a word, as a server that is frozen does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    ("setting", "scheme"),
    [
        ("BRIDGE_BUS_URL", "amqp"),
        ("BRIDGE_BUS_URL", "amqps"),
        ("BRIDGE_BUS_URL", "nats"),
        ("BRIDGE_LEDGER_URL", "postgresql"),
    ],
)
def test_a_worker_ends_while_it_connects(silent, environment, tmp_path, setting, scheme):
    told = environment | {setting: f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"}

    with child("bridge", ["run"], environment=told, output=tmp_path / "log", cwd=tmp_path) as starting:
        connection, _ = silent.accept()
        with connection:
            if scheme != "nats":  # there the server speaks first
                assert connection.recv(1)
            assert starting.stop() == 0


@pytest.mark.parametrize("broker", ["rabbit", "nats"])
async def test_a_worker_ends_while_it_connects_again(request, environment, tmp_path, broker):
    async with TcpProxy(request.getfixturevalue(f"{broker}_url")) as proxy:
        told = environment | {"BRIDGE_BUS_URL": proxy.url}
        running = worker(told, output=tmp_path / "log")
        started = await asyncio.to_thread(running.__enter__)
        try:
            links = proxy.links
            proxy.delay = 600
            proxy.cut()
            await until(lambda: proxy.links > links)
            assert await asyncio.to_thread(started.stop) == 0
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)
