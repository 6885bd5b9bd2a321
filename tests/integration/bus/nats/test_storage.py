"""A server that has no room left, or cannot read what it has stored."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy
from structlog.testing import capture_logs

from bridge.bus.condition import TellsCondition
from bridge.bus.port import Bus, Delivery, Disposition, Done, QueueDepth
from bridge.operations.surroundings import of_bus
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


def _lines(logs: Sequence[Mapping[str, Any]], event: str) -> list[Mapping[str, Any]]:
    return [line for line in logs if line["event"] == event]


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


def _cut_short(folder: Path) -> None:
    for block in (folder / "msgs").glob("*.blk"):
        os.truncate(block, block.stat().st_size // 2 - 100)  # in the midst of a message
    (folder / "msgs" / "index.db").unlink(missing_ok=True)


async def test_damaged_messages_are_told_of_by_who_was_there_and_the_rest_is_worked_on(
    site: NatsSite, node: NatsNode
) -> None:
    """The server goes on with the half of them, and gives their numbers to new ones."""
    bus = site.bus(watch_interval=0.2)
    with capture_logs() as logs:
        async with started(bus, site):
            for number in range(20):
                await send(bus, number, body=b"x" * 2000)
            node.kill()
            _cut_short(_folder(node, site))
            await asyncio.to_thread(node.start)
            await until(lambda: _lines(logs, "stored_messages_lost"))
            assert isinstance(bus, TellsCondition)
            found = await bus.condition([site.queue])
            await send(bus, 99)
            async with started(site.bus(), site, handler := Recorder()):
                await until(lambda: "request-99" in {one.id for one in handler.deliveries})
    [told] = _lines(logs, "stored_messages_lost")
    assert told["stream"] == site.queue.name.replace(".", "_")
    assert told["seen"] == "numbers_given_again"
    assert len(handler.deliveries) == 21 - told["messages"]
    assert 0 < told["messages"] < 20
    assert found.damaged == [told["stream"]]
    assert [one.what for one in of_bus(found) if not one.is_good] == ["storage of the bus"]


async def test_messages_that_vanish_before_anybody_got_them_are_told_of(
    site: NatsSite, node: NatsNode
) -> None:
    stream, free = site.queue.name.replace(".", "_"), asyncio.Event()

    async def handler(_delivery: Delivery) -> Disposition:
        await free.wait()
        return Done()

    with capture_logs() as logs:
        async with started(site.bus(watch_interval=0.2), site, handler, concurrency=1) as bus:
            for number in range(20):
                await send(bus, number)
            async with await nats.connect(node.url) as client:
                for number in range(10, 16):  # the first may be gone before the bus has looked at all
                    await client.jetstream().delete_msg(stream, number)
                    await asyncio.sleep(0.3)
            await until(lambda: _lines(logs, "stored_messages_lost"))
            free.set()
            await until(lambda: _is_empty(bus, site))
    told = _lines(logs, "stored_messages_lost")
    assert {(line["stream"], line["seen"]) for line in told} == {(stream, "never_handed_over")}
    assert 1 <= sum(line["messages"] for line in told) <= 6


async def _is_empty(bus: Bus, site: NatsSite) -> bool:
    return await bus.depth(site.queue) == QueueDepth(0, 0, 0)


async def test_with_no_room_for_events_a_worker_is_not_ready_and_takes_nothing_more(
    site: NatsSite, node: NatsNode
) -> None:
    """As on RabbitMQ with a disk alarm; here the stream of the events alone is full."""
    bus = site.bus()

    async def handler(delivery: Delivery) -> Disposition:
        handled.append(delivery.id)
        await bus.publish(TOPIC, bytes(1000), id=f"event-{delivery.id}", content_type="text/plain")
        return Done()

    handled: list[str] = []
    async with started(bus, site, handler, concurrency=5), await nats.connect(node.url) as client:
        js, stream = client.jetstream(), site.queue.name.replace(".", "_")
        config = (await js.stream_info(f"{site.prefix}_events")).config
        await js.update_stream(config, max_msgs=1, discard=DiscardPolicy.NEW)
        for number in range(2):
            await send(bus, number)
        await until(lambda: _is_not_ready(bus))
        # A pull that was on its way already takes one more.
        await until(lambda: _is_asked_for_nothing(js, stream))
        in_hand = len(handled)
        assert isinstance(bus, TellsCondition)
        found = await bus.condition([site.queue])
        assert found.full == {f"{site.prefix}_events": "max_msgs 1"}
        assert [one.what for one in of_bus(found) if not one.is_good] == ["room on the bus"]
        for number in range(2, 8):
            await send(bus, number)
        await asyncio.sleep(0.5)
        assert len(handled) == in_hand <= 3
        await js.update_stream(config, max_msgs=-1)
        await until(lambda: len(handled) == 8)
        await until(bus.ready)


async def _is_not_ready(bus: Bus) -> bool:
    return not await bus.ready()


async def _is_asked_for_nothing(js: JetStreamContext, stream: str) -> bool:
    return not (await js.consumer_info(stream, "worker")).num_waiting
