"""Streams and consumers that an administrator makes on a real NATS: applied from what is printed, and held to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.js.api import ConsumerConfig, StreamConfig

from bridge.bus.administered import TopologyFound, administered, have_queues
from bridge.bus.port import Dead, QueueSpec, RetryAfter
from bridge.errors import Misconfigured
from bridge.settings import Settings
from tests.integration.bus.conformance import Recorder, is_dead, send
from tests.integration.bus.transport import Taking, acknowledge, keep
from tests.support.bus_sites import NatsSite, until

pytestmark = pytest.mark.nats
TOPIC = "allergies.rendered.hl7v2.v1"


def delivery(site: NatsSite) -> QueueSpec:
    return QueueSpec(f"{site.prefix}.delivery", topics=("*.rendered.hl7v2.v1",), in_order=True)


@asynccontextmanager
async def checking(site: NatsSite) -> AsyncIterator[Any]:
    """A bus that declares nothing, started."""
    bus = site.bus()
    administered(bus).leave_declaring(Settings())
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop(grace=1)


async def apply(site: NatsSite, queues: list[QueueSpec]) -> None:
    """What an administrator does with what is printed, by a client of the server's own project."""
    printed = json.loads(json.dumps(administered(site.bus()).topology(queues)))
    for stream in printed["streams"]:
        await site.js.add_stream(StreamConfig.from_response(stream))
    for consumer in printed["consumers"]:
        config = ConsumerConfig.from_response(consumer["config"])
        await site.js.add_consumer(consumer["stream_name"], config)


async def test_what_is_printed_is_applied_found_right_and_worked_on(site: NatsSite) -> None:
    queues = [site.queue, delivery(site)]
    await apply(site, queues)
    handler, sent = Recorder(RetryAfter(0.1, "again"), Dead("invalid")), Taking(acknowledge)
    async with checking(site) as bus:
        assert await bus.look_over(queues) == TopologyFound([])
        await have_queues(bus, queues)
        await bus.consume(site.queue, handler, concurrency=1)
        await bus.receive(queues[1], sent, concurrency=1)
        await send(bus)
        await handler.saw(2)
        await until(lambda: is_dead(bus, site, 1))
        await bus.publish(TOPIC, b"copied", id="event-1", content_type="text/plain")
        [copied] = await sent.took(1)
        assert (copied.key, copied.body) == (TOPIC, b"copied")
    # Whoever makes them finds them as they would be made.
    bus = site.bus()
    await bus.start()
    for queue in queues:
        await bus.declare(queue)
    assert await administered(bus).look_over(queues) == TopologyFound([])
    await bus.stop(grace=1)


async def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_made(site: NatsSite) -> None:
    queues = [site.queue, delivery(site)]
    name = site.queue.name.replace(".", "_")
    async with checking(site) as bus:
        with pytest.raises(Misconfigured) as refused:
            await have_queues(bus, queues)
        assert refused.value.problems[:2] == (
            f"stream {site.prefix}_events: does not exist",
            f"stream {name}: does not exist",
        )
        assert len(refused.value.problems) == 7
        await apply(site, [site.queue])
        await site.js.delete_stream(f"{name}_wait")
        await site.js.delete_consumer(name, "worker")
        wrong = ConsumerConfig(
            durable_name="worker", ack_wait=600, max_deliver=5, filter_subject=f"{site.queue.name}.again"
        )
        await site.js.add_consumer(name, wrong)
        subjects = [f"{site.queue.name}.again", f"{site.queue.name}.more"]
        for stream, change in ((name, {"subjects": subjects}), (f"{name}_dead", {"duplicate_window": 1.0})):
            await site.js.update_stream((await site.js.stream_info(stream)).config, **change)
        with pytest.raises(Misconfigured) as refused:
            await have_queues(bus, [site.queue])
        assert list(refused.value.problems) == [
            f"stream {name}: lacks subject {site.prefix}.requests.record.requested.v1",
            f"stream {name}: has subject {site.queue.name}.more, which is not its own",
            f"stream {name}: its consumer worker: ack_wait is 600 s, must be 1.5 s",
            f"stream {name}: its consumer worker: max_deliver is 5, must be -1",
            f"stream {name}: its consumer worker: max_ack_pending is 1000, must be -1",
            f"stream {name}: its consumer worker: filter_subject is {site.queue.name}.again, must be unset",
            f"stream {name}_wait: does not exist",
            f"stream {name}_dead: duplicate_window is 1 s, must be 120 s",
        ]


async def test_what_is_deleted_at_work_ends_the_process_and_is_not_made_again(site: NatsSite) -> None:
    await apply(site, [site.queue])
    lost = asyncio.Event()
    bus = site.bus(on_lost=lost.set, watch_interval=0.1)
    administered(bus).leave_declaring(Settings())
    await bus.start()
    await bus.consume(site.queue, Recorder(), concurrency=1)
    await site.remove_queue()
    await lost.wait()
    with pytest.raises(Misconfigured, match=r"structured_record: does not exist"):
        await have_queues(bus, [site.queue])
    await bus.stop(grace=1)


async def test_a_turn_is_taken_over_in_order_without_a_consumer_made_anew(site: NatsSite) -> None:
    queue = delivery(site)
    await apply(site, [queue])
    held, taken = Taking(keep), Taking(acknowledge)
    async with checking(site) as second:
        async with checking(site) as first:
            await first.receive(queue, held, concurrency=3)
            for number in range(1, 6):
                await first.publish(TOPIC, b"%d" % number, id=f"event-{number}", content_type="text/plain")
            await held.took(3)
            created = (await site.js.consumer_info(queue.name.replace(".", "_"), "worker")).created
            await second.receive(queue, taken, concurrency=1)
            await asyncio.sleep(0.2)
            assert taken.deliveries == []
        assert [int(each.body) for each in await taken.took(5)] == [1, 2, 3, 4, 5]
    assert (await site.js.consumer_info(queue.name.replace(".", "_"), "worker")).created == created
