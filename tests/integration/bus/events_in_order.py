"""What a queue of events must do that is taken from in order, on every broker: inherited by each adapter's tests."""

import asyncio

from bridge.bus.port import Bus, Done, QueueSpec, RetryAfter
from tests.integration.bus.conformance import Recorder
from tests.integration.bus.transport import Taking, acknowledge, keep
from tests.support.bus_sites import Site, until
from tests.support.promises import Promises

_TOPIC = "allergies.rendered.hl7v2.v1"
_MESSAGES = 8
_IN_HAND = 5


class EventsInOrderConformance(Promises):
    """The fixture `site` is the broker."""

    part = "Events in order"

    async def test_what_a_process_leaves_goes_to_the_next_before_what_came_later(self, site: Site) -> None:
        queue = QueueSpec(f"{site.prefix}.delivery", topics=("*.rendered.hl7v2.v1",), in_order=True)
        first, second = site.bus(), site.bus()
        held, taken = Taking(keep), Taking(acknowledge)
        for bus in (first, second):
            await bus.start()
            await bus.declare(queue)
        try:
            await first.receive(queue, held, concurrency=_IN_HAND)
            for number in range(1, _MESSAGES + 1):
                await _publish(first, _TOPIC, number)
            assert {each.key for each in await held.took(_IN_HAND)} == {_TOPIC}
            await second.receive(queue, taken, concurrency=_IN_HAND)
            await asyncio.sleep(0.3)
            assert taken.deliveries == []  # the first one has the turn
            await first.stop(grace=0)
            numbers = [int(each.body) for each in await taken.took(_MESSAGES)]
        finally:
            await second.stop(grace=0)
        assert numbers == list(range(1, _MESSAGES + 1)), numbers

    async def test_of_two_processes_that_begin_at_one_moment_one_has_the_turn(self, site: Site) -> None:
        queue = QueueSpec(f"{site.prefix}.delivery", topics=(_TOPIC,), in_order=True)
        buses = site.bus(), site.bus()
        takes = Taking(acknowledge), Taking(acknowledge)
        for bus in buses:
            await bus.start()
            await bus.declare(queue)
        try:
            await asyncio.gather(
                *(bus.receive(queue, taking, concurrency=1) for bus, taking in zip(buses, takes, strict=True))
            )
            await until(lambda: buses[0].is_attended(queue))
            for number in range(1, _MESSAGES + 1):
                await _publish(buses[0], _TOPIC, number)
            await until(lambda: sum(len(each.deliveries) for each in takes) >= _MESSAGES)
        finally:
            for bus in buses:
                await bus.stop(grace=0)
        taken = sorted([int(each.body) for each in taking.deliveries] for taking in takes)
        assert taken == [[], list(range(1, _MESSAGES + 1))], taken

    async def test_what_waits_comes_back_under_its_topic(self, site: Site) -> None:
        queue = QueueSpec(f"{site.prefix}.delivery", topics=(_TOPIC,), in_order=True)
        handler = Recorder(RetryAfter(0.1, "not_now"), Done())
        bus = site.bus()
        await bus.start()
        await bus.declare(queue)
        try:
            await bus.consume(queue, handler, concurrency=1)
            await _publish(bus, _TOPIC, 1)
            told = await handler.saw(2)
        finally:
            await bus.stop(grace=5)
        assert [(each.key, each.id, each.attempt) for each in told] == [
            (_TOPIC, "event-1", 1),
            (_TOPIC, "event-1", 2),
        ]


async def _publish(bus: Bus, topic: str, number: int) -> None:
    await bus.publish(topic, str(number).encode(), id=f"event-{number}", content_type="text/plain")
