"""What carries messages must do, on every broker: each adapter's test class inherits this."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bridge.bus.port import Bus, Delivery, PublishesSeveral, QueueDepth, Received, Transport, Unroutable
from bridge.ledger import StoredEvent
from tests.integration.bus.conformance import is_ready, send, started
from tests.support.bus_sites import TOPIC, Site, until
from tests.support.promises import Promises

Act = Callable[[Received], Awaitable[None]]


class Taking:
    """Does the same with each message that it takes, and remembers what they said."""

    def __init__(self, act: Act) -> None:
        self.deliveries: list[Delivery] = []
        self._act = act

    async def __call__(self, received: Received) -> None:
        await self._act(received)
        self.deliveries.append(received.delivery)

    async def took(self, count: int) -> list[Delivery]:
        await until(lambda: len(self.deliveries) >= count)
        return self.deliveries


async def acknowledge(received: Received) -> None:
    await received.acknowledge()


async def keep(received: Received) -> None:
    """Nothing: it stays in the hand."""


@asynccontextmanager
async def receiving(bus: Bus, site: Site, act: Act) -> AsyncIterator[Taking]:
    """A bus that gives its messages to `act`, with nothing in between; stopped in order at the end."""
    async with started(bus, site):
        transport: Transport = bus
        await transport.receive(site.queue, taking := Taking(act), concurrency=5)
        yield taking


async def check_original_is_held_beside_its_copy(site: Site, bus: Bus, sender: Bus, copy: Act) -> Delivery:
    """Send a message that `bus` copies and does not acknowledge; what the next process receives."""
    await send(sender)
    async with receiving(bus, site, copy) as taking:
        await taking.took(1)
    async with receiving(site.bus(), site, acknowledge) as taking:
        [original] = await taking.took(1)
    assert (original.attempt, original.deliveries) == (1, 2)
    return original


async def check_copy_without_a_queue_fails_loudly(site: Site, bus: Bus, copy: Act) -> None:
    """Send a message while the delay queues and the dead-letter queue are gone."""
    refused: list[Unroutable] = []

    async def act(received: Received) -> None:
        try:
            await copy(received)
        except Unroutable as fault:
            refused.append(fault)
        await received.acknowledge()

    async with started(site.bus(), site) as sender, receiving(bus, site, act) as taking:
        await site.remove_delay_queues()
        await send(sender)
        await taking.took(1)
    assert len(refused) == 1


class TransportConformance(Promises):
    """Inherited per adapter; the fixture `site` is its broker."""

    part = "Messages in and out"

    async def test_what_is_acknowledged_is_forgotten(self, site: Site) -> None:
        async with started(site.bus(), site) as sender:
            async with receiving(site.bus(), site, acknowledge) as taking:
                await send(sender, 1)
                await taking.took(1)
            async with receiving(site.bus(), site, acknowledge) as taking:
                await send(sender, 2)
                assert [delivery.id for delivery in await taking.took(1)] == ["request-2"]
            assert await sender.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=0)

    async def test_what_is_in_the_hand_when_a_process_ends_is_received_again(self, site: Site) -> None:
        async with started(site.bus(), site) as sender:
            await send(sender)
            async with receiving(site.bus(), site, keep) as taking:
                await taking.took(1)
            async with receiving(site.bus(), site, acknowledge) as taking:
                [delivery] = await taking.took(1)
        assert (delivery.id, delivery.attempt, delivery.deliveries) == ("request-1", 1, 2)

    async def test_what_is_handed_back_is_received_again(self, site: Site) -> None:
        async def hand_back_once(received: Received) -> None:
            if received.delivery.deliveries == 1:
                await received.hand_back()
            else:
                await received.acknowledge()

        async with started(site.bus(), site) as sender, receiving(site.bus(), site, hand_back_once) as taking:
            await send(sender)
            first, second = await taking.took(2)
        assert (first.id, first.body, first.attempt) == (second.id, second.body, second.attempt)
        assert [first.deliveries, second.deliveries] == [1, 2]

    async def test_a_copy_has_all_that_the_sender_wrote_and_the_original_stays(self, site: Site) -> None:
        async def copy(received: Received) -> None:
            await received.copy_to(site.queue.dead_letters, {"x-error-reason": "invalid"})

        async with started(site.bus(), site) as sender:
            await send(sender)
            async with receiving(site.bus(), site, copy) as taking:
                await taking.took(1)
            [letter] = await site.dead()
            async with receiving(site.bus(), site, acknowledge) as taking:
                [original] = await taking.took(1)
        assert (letter.id, letter.body, letter.correlation_id) == (
            "request-1",
            original.body,
            "correlation-1",
        )
        assert letter.content_type == "application/json"
        assert letter.headers["ce-type"] == "record.requested.v1"
        assert letter.headers["x-error-reason"] == "invalid"
        assert "x-error-reason" not in original.headers

    async def test_a_copy_to_a_queue_that_is_not_there_fails_loudly(self, site: Site) -> None:
        refused: list[Unroutable] = []

        async def copy(received: Received) -> None:
            try:
                await received.copy_to(f"{site.queue.name}.nowhere", {})
            except Unroutable as fault:
                refused.append(fault)
            await received.acknowledge()

        async with started(site.bus(), site) as sender, receiving(site.bus(), site, copy) as taking:
            await send(sender)
            await taking.took(1)
        assert len(refused) == 1

    async def test_publishes_an_event_with_its_properties(self, site: Site) -> None:
        async with started(site.bus(), site) as bus:
            inbox = await site.listen(TOPIC)
            await bus.publish(
                TOPIC,
                b"[1]",
                id="event-1",
                content_type="application/cloudevents+json",
                correlation_id="correlation-1",
                headers={"traceparent": "00-1"},
            )
            [message] = await inbox.take(1)
        assert (message.id, message.body) == ("event-1", b"[1]")
        assert message.content_type == "application/cloudevents+json"
        assert message.correlation_id == "correlation-1"
        assert message.headers["traceparent"] == "00-1"

    async def test_events_that_go_out_together_are_in_order(self, site: Site) -> None:
        # What they hold may be more than is written at once.
        sizes = (1, 2, 3, 1, 50_000, 40_000, 2)
        events = [
            StoredEvent(f"event-{number}", TOPIC, bytes(size), "application/cloudevents+json")
            for number, size in enumerate(sizes, start=1)
        ]
        async with started(site.bus(), site) as bus:
            assert isinstance(bus, PublishesSeveral)
            inbox = await site.listen(TOPIC)
            assert not any(await bus.publish_together(events[:4], correlation_id="correlation-1"))
            assert not any(await bus.publish_together(events[4:], correlation_id=None))
            messages = await inbox.take(len(events))
        assert [(each.id, each.body) for each in messages] == [(event.id, event.body) for event in events]
        assert [each.correlation_id for each in messages] == ["correlation-1"] * 4 + [None] * 3
        assert {each.content_type for each in messages} == {"application/cloudevents+json"}

    async def test_a_listener_hears_every_event_from_then_on(self, site: Site) -> None:
        async with started(site.bus(), site) as bus:
            await site.listen("#")  # so that the first one has somewhere to go
            await bus.publish(TOPIC, b"before", id="event-0", content_type="text/plain")
            async with bus.listen() as events:
                for number, topic in enumerate((TOPIC, "request.failed.v1"), start=1):
                    await bus.publish(topic, b"x", id=f"event-{number}", content_type="text/plain")
                heard = [await anext(events) for _ in range(2)]
        assert [(event.id, event.key, event.body) for event in heard] == [
            ("event-1", TOPIC, b"x"),
            ("event-2", "request.failed.v1", b"x"),
        ]

    async def test_a_request_that_nobody_takes_fails_loudly(self, site: Site) -> None:
        async with started(site.bus(), site) as bus:
            with pytest.raises(Unroutable, match="appointment"):
                await bus.send("appointment.requested.v1", b"{}", id="1", content_type="application/json")
            await send(bus)  # and the bus still works
            await until(lambda: is_ready(bus, site, 1))
