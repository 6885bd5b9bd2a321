"""A server that has no room left, or cannot read what it has stored."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import nats
import pytest
from structlog.testing import capture_logs

from bridge.bus.port import Done
from tests.integration.bus.conformance import Recorder, send, started
from tests.support.brokers import NatsNode
from tests.support.bus_sites import KEY, TOPIC, NatsSite, until

pytestmark = pytest.mark.nats


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NatsNode]:
    node = NatsNode(tmp_path / "nats", most_stored="300KB")
    node.start()
    yield node
    node.close()


@pytest.fixture
async def site(node: NatsNode) -> AsyncIterator[NatsSite]:
    async with NatsSite.open(node.url) as site:
        yield site


async def test_a_full_store_is_told_and_waited_for_and_nothing_is_lost(
    site: NatsSite, node: NatsNode
) -> None:
    async with started(site.bus(), site, handler := Recorder()) as bus:
        with capture_logs() as logs:

            async def fill() -> None:
                for number in range(40):
                    await bus.publish(TOPIC, bytes(10_000), id=f"event-{number}", content_type="text/plain")

            filling = asyncio.create_task(fill())
            await until(lambda: _causes(logs, "publish_retrying_because"))
            waiting = asyncio.create_task(send(bus))
            await until(
                lambda: KEY in {line.get("topic") for line in logs if line["event"] == "publish_retrying"}
            )
            assert not filling.done()
            assert not waiting.done()
        assert _causes(logs, "publish_retrying_because") == {"storage_full"}
        async with await nats.connect(node.url) as client:
            stored = (await client.jetstream().stream_info(f"{site.prefix}_events")).state.messages
            await client.jetstream().purge_stream(f"{site.prefix}_events")
            await asyncio.gather(filling, waiting)
            await handler.saw(1)
            rest = (await client.jetstream().stream_info(f"{site.prefix}_events")).state.messages
        assert stored + rest == 40


def _causes(logs: Sequence[Mapping[str, object]], event: str) -> set[object]:
    return {line["cause"] for line in logs if line["event"] == event}


def _folder(node: NatsNode, site: NatsSite) -> Path:
    [folder] = node.directory.rglob(f"streams/{site.queue.name.replace('.', '_')}")
    return folder


async def _damaged(node: NatsNode, site: NatsSite, damage: Callable[[Path], None]) -> None:
    async with started(site.bus(), site) as bus:
        for number in range(20):
            await send(bus, number, body=b"x" * 2000)
    node.kill()
    damage(_folder(node, site))
    await asyncio.to_thread(node.start)


async def test_a_consumer_that_the_server_cannot_read_is_told_and_nothing_is_lost(
    site: NatsSite, node: NatsNode
) -> None:
    def damage(folder: Path) -> None:
        (folder / "obs" / "worker" / "o.dat").write_bytes(b"garbage")

    await _damaged(node, site, damage)
    handler = Recorder(Done())
    bus = site.bus()
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:

            async def work() -> None:
                await bus.start()
                await bus.declare(site.queue)
                await bus.consume(site.queue, handler, concurrency=5)

            working = group.create_task(work())
            await until(lambda: _causes(logs, "declare_retrying_because"))
            assert not working.done()
            # As the guide says: without it the server makes the consumer anew.
            node.stop()
            (_folder(node, site) / "obs" / "worker" / "o.dat").unlink()
            await asyncio.to_thread(node.start)
    await handler.saw(20)
    await bus.stop(grace=5)
    assert _causes(logs, "declare_retrying_because") >= {"storage_damaged"}
    assert {one.id for one in handler.deliveries} == {f"request-{number}" for number in range(20)}


async def test_of_damaged_messages_the_server_says_nothing_and_the_rest_is_worked_on(
    site: NatsSite, node: NatsNode
) -> None:
    """What it drops so, only its sender can miss: the guide says so."""

    def damage(folder: Path) -> None:
        for block in (folder / "msgs").glob("*.blk"):
            os.truncate(block, block.stat().st_size // 2)
        (folder / "msgs" / "index.db").unlink(missing_ok=True)

    await _damaged(node, site, damage)
    async with started(site.bus(), site, handler := Recorder()) as bus:
        await send(bus, 99)
        await until(lambda: "request-99" in {one.id for one in handler.deliveries})
        assert await bus.ready()
    assert 0 < len(handler.deliveries) < 21
