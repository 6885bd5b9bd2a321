"""What a whole bus must do with deliveries, whatever broker is underneath: each adapter's test class inherits this.

What its parts must do: `transport`, `delayed_redelivery`, `dead_letter_store`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.bus.port import Bus, Dead, Delivery, Disposition, Done, QueueDepth, RetryAfter
from tests.support.bus_sites import KEY, TOPIC, Site, until
from tests.support.ports import free_port
from tests.support.promises import Promises
from tests.support.tcp_proxy import TcpProxy


class Recorder:
    """A handler that gives the outcomes it is told, by attempt, and remembers what it was handed."""

    def __init__(self, *outcomes: Disposition | Exception) -> None:
        self.deliveries: list[Delivery] = []
        self.ended = 0
        self._outcomes = outcomes

    async def __call__(self, delivery: Delivery) -> Disposition:
        self.deliveries.append(delivery)
        number = min(delivery.attempt, len(self._outcomes))
        outcome = self._outcomes[number - 1] if number else Done()
        self.ended += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def saw(self, count: int) -> list[Delivery]:
        await until(lambda: self.ended >= count)
        return self.deliveries


@asynccontextmanager
async def started(bus: Bus, site: Site, handler: Any = None, *, concurrency: int = 5) -> AsyncIterator[Bus]:
    """A bus with its queue, consuming when there is a handler; stopped in order at the end."""
    try:
        await bus.start()
        await bus.declare(site.queue)
        if handler is not None:
            await bus.consume(site.queue, handler, concurrency=concurrency)
        yield bus
    finally:
        await bus.stop(grace=5)


async def send(bus: Bus, number: int = 1, body: bytes | None = None) -> None:
    await bus.send(
        KEY,
        body or b'{"request": %d}' % number,
        id=f"request-{number}",
        content_type="application/json",
        correlation_id=f"correlation-{number}",
        headers={"ce-type": "record.requested.v1"},
    )


def among_dead(url: str, count: int = 3) -> str:
    """The URL of a cluster of which one node is left: before its address stand so many where nobody listens."""
    around, _, place = url.partition("://")[2].partition("/")[0].rpartition("@")
    away = ",".join(f"127.0.0.1:{free_port()}" for _ in range(count))
    user = f"{around}@" if around else ""
    return url.replace(f"{user}{place}", f"{user}{away},{place}", 1)


class BusConformance(Promises):
    """Inherited per adapter; the fixture `site` is its broker."""

    part = "Requests and their outcomes"

    async def test_nodes_that_are_gone_are_passed_over(self, site: Site) -> None:
        """By whoever publishes, by whoever consumes, and when the link to the last one breaks."""
        handler = Recorder()
        async with (
            TcpProxy(site.url) as proxy,
            started(site.bus(among_dead(site.url)), site) as sender,
            started(site.bus(among_dead(proxy.url)), site, handler) as bus,
        ):
            await send(sender)
            await handler.saw(1)
            proxy.cut()
            await send(sender, 2)
            await handler.saw(2)
            await until(bus.ready)
        assert [delivery.id for delivery in handler.deliveries] == ["request-1", "request-2"]

    async def test_hands_over_what_was_sent(self, site: Site) -> None:
        handler = Recorder()
        async with started(site.bus(), site, handler) as bus:
            await send(bus)
            [delivery] = await handler.saw(1)
        assert delivery == Delivery(
            body=b'{"request": 1}',
            id="request-1",
            key=KEY,
            headers={"ce-type": "record.requested.v1"},
            content_type="application/json",
            correlation_id="correlation-1",
            attempt=1,
            deliveries=1,
        )

    async def test_forgets_what_is_done(self, site: Site) -> None:
        handler = Recorder()
        async with started(site.bus(), site, handler) as bus:
            await send(bus)
            await handler.saw(1)
        async with started(site.bus(), site, again := Recorder()) as bus:
            await send(bus, 2)
            assert [delivery.id for delivery in await again.saw(1)] == ["request-2"]
            assert await bus.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=0)

    async def test_a_message_without_an_id_gets_a_stable_one(self, site: Site) -> None:
        handler = Recorder(RetryAfter(0.1, "again"), Done())
        async with started(site.bus(), site, handler):
            await site.put_foreign(b"\xff not even text")
            first, second = await handler.saw(2)
        assert first.body == b"\xff not even text"
        assert first.id
        assert second.id == first.id
        assert first.headers == {"count": "3", "trusted": "true"}
        assert first.content_type is None
        # Nothing but its body tells it from another, on the copy as well.
        assert (first.is_named, second.is_named) == (False, False)

    async def test_a_dead_letter_says_why(self, site: Site) -> None:
        handler = Recorder(RetryAfter(0.1, "provider_error"), Dead("invalid", "data.patient: is required\nx"))
        async with started(site.bus(), site, handler) as bus:
            await send(bus)
            await handler.saw(2)
            await until(lambda: is_dead(bus, site, 1))
            assert await bus.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=1)
            [letter] = await site.dead()
        assert (letter.id, letter.body) == ("request-1", b'{"request": 1}')
        assert letter.correlation_id == "correlation-1"
        assert letter.headers["x-error-reason"] == "invalid"
        assert letter.headers["x-error-detail"] == "data.patient: is required x"
        assert letter.headers["x-attempt"] == "2"
        assert letter.headers["x-original-key"] == KEY
        assert letter.headers["x-dead-at"]
        assert letter.headers["ce-type"] == "record.requested.v1"

    async def test_a_handler_that_raises_is_tried_again(self, site: Site) -> None:
        handler = Recorder(ValueError("with details nobody may log"), Done())
        async with started(site.bus(), site, handler) as bus:
            await send(bus)
            _, second = await handler.saw(2)
            await until(lambda: is_empty(bus, site))
        assert second.attempt == 2
        assert second.headers["x-retry-reason"] == "internal"

    async def test_never_more_at_once_than_allowed(self, site: Site) -> None:
        running = most = ended = 0

        async def handler(delivery: Delivery) -> Disposition:
            nonlocal running, most, ended
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1
            ended += 1
            return Done()

        async with started(site.bus(), site) as bus:
            for number in range(20):
                await send(bus, number)
            await bus.consume(site.queue, handler, concurrency=4)
            await until(lambda: ended == 20)
        assert most == 4

    async def test_a_slow_handler_keeps_its_message(self, site: Site) -> None:
        ended = asyncio.Event()
        handed: list[Delivery] = []

        async def handler(delivery: Delivery) -> Disposition:
            handed.append(delivery)
            await asyncio.sleep(4)  # more than twice what the server waits for a sign of life
            ended.set()
            return Done()

        # Were the message handed over again, it would go to the worker that is free.
        async with (
            started(site.bus(), site, handler, concurrency=1) as bus,
            started(site.bus(), site, handler, concurrency=1),
        ):
            await send(bus)
            await ended.wait()
            await until(lambda: is_empty(bus, site))
        assert [delivery.deliveries for delivery in handed] == [1]

    async def test_stopping_finishes_what_runs_and_takes_nothing_new(self, site: Site) -> None:
        begun, finish = asyncio.Event(), asyncio.Event()
        handed: list[str] = []

        async def handler(delivery: Delivery) -> Disposition:
            handed.append(delivery.id)
            begun.set()
            await finish.wait()
            return Done()

        bus = site.bus()
        async with started(bus, site, handler, concurrency=1), started(site.bus(), site) as sender:
            await send(sender, 1)
            await begun.wait()
            await send(sender, 2)
            stopping = asyncio.create_task(bus.stop(grace=30))
            await asyncio.sleep(0.2)
            assert not stopping.done()
            finish.set()
            await stopping
            assert handed == ["request-1"]
            async with started(site.bus(), site, rest := Recorder()):
                assert [delivery.id for delivery in await rest.saw(1)] == ["request-2"]
                await until(lambda: is_empty(sender, site))

    async def test_stopping_gives_back_what_does_not_finish(self, site: Site) -> None:
        begun = asyncio.Event()

        async def handler(delivery: Delivery) -> Disposition:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        bus = site.bus()
        async with started(bus, site, handler):
            await send(bus)
            await begun.wait()
            await bus.stop(grace=0.1)
        async with started(site.bus(), site, again := Recorder()):
            [delivery] = await again.saw(1)
        assert (delivery.id, delivery.attempt) == ("request-1", 1)
        assert delivery.deliveries == 2

    async def test_is_ready_while_its_consumer_lives(self, site: Site) -> None:
        # Where a look of the watchdog meets RabbitMQ between the two forms of the queue, the driver brings the
        # consumer back, which then takes what comes: none is lost, and the next try is on a new connection.
        for _ in range(5):
            lost = asyncio.Event()
            bus = site.bus(on_lost=lost.set, watch_interval=0.2)
            async with started(bus, site, Recorder()):
                assert await bus.ready()
                await site.remove_consumer()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), 5)
                assert await bus.ready() != lost.is_set()
            assert not await bus.ready()
            if lost.is_set():
                return
            await site.remove_queue()
        pytest.fail("a consumer that was taken away was never missed")

    async def test_a_replayed_dead_letter_is_worked_on_again(self, site: Site) -> None:
        handler = Recorder(Dead("invalid"))
        async with started(site.bus(), site, handler) as bus:
            await site.put_foreign(b"x")
            await handler.saw(1)
            await until(lambda: is_dead(bus, site, 1))
            await site.put_foreign(b"x")
            await handler.saw(2)
            await until(lambda: is_dead(bus, site, 2))

    async def test_a_message_sent_once_more_is_handed_over_once_more(self, site: Site) -> None:
        # Whoever asks again gets an answer again: what it is, the ledger knows.
        handler = Recorder(Done())
        async with started(site.bus(), site, handler) as bus:
            await site.put_foreign(b"x")
            await handler.saw(1)
            await until(lambda: is_empty(bus, site))
            await site.put_foreign(b"x")
            await handler.saw(2)
        assert len({delivery.id for delivery in handler.deliveries}) == 1

    async def test_two_senders_with_one_id_are_both_heard(self, site: Site) -> None:
        """In CloudEvents' binary mode nothing but headers tells them apart; they come at the same time."""
        both = asyncio.Event()
        handed: list[Delivery] = []

        async def handler(delivery: Delivery) -> Disposition:
            handed.append(delivery)
            if len(handed) == len(senders):
                both.set()
            await both.wait()
            return Done()

        senders = ("/epr/ward-7", "/tie/other-system")
        async with started(site.bus(), site, handler) as bus:
            for source in senders:
                headers = {"ce-id": "1", "ce-source": source}
                await bus.send(KEY, b"{}", id="1", content_type="application/json", headers=headers)
            await both.wait()
        assert sorted(delivery.headers["ce-source"] for delivery in handed) == list(senders)
        assert {delivery.id for delivery in handed} == {"1"}

    async def test_another_body_under_a_used_id_is_heard(self, site: Site) -> None:
        handler = Recorder()
        async with started(site.bus(), site, handler) as bus:
            for body in (b"[1]", b"[2]"):
                await send(bus, body=body)
            await handler.saw(2)
        assert {delivery.body for delivery in handler.deliveries} == {b"[1]", b"[2]"}

    async def test_who_asks_again_is_heard_and_answered_again(self, site: Site) -> None:
        handler = Recorder()
        async with started(site.bus(), site, handler) as bus:
            inbox = await site.listen(TOPIC)
            for count in (1, 2):
                await send(bus)
                await handler.saw(count)
                await until(lambda: is_empty(bus, site))
                await bus.publish(TOPIC, b"[1]", id="event-1", content_type="application/json")
            events = await inbox.take(2)
        assert {delivery.id for delivery in handler.deliveries} == {"request-1"}
        assert [event.id for event in events] == ["event-1", "event-1"]

    async def test_what_the_bus_writes_on_its_copies_counts_for_nothing_when_a_sender_writes_it(
        self, site: Site
    ) -> None:
        forged = {
            "x-attempt": "7",
            "x-not-before": f"{time.time() + 1000:.3f}",
            "x-wait": "1000.000",
            "x-retry-reason": "forged",
            "x-original-key": "appointment.requested.v1",
            "x-error-reason": "forged",
            "x-error-detail": "forged",
            "x-dead-at": "2000-01-01T00:00:00+00:00",
            "x-replay-job": "forged",
            "x-returned": "4",
            "x-untold": "true",
            "x-delivery-count": "50",
        }
        handler = Recorder(RetryAfter(0.1, "again"), Dead("invalid"))
        async with started(site.bus(), site, handler) as bus:
            await bus.send(KEY, b"{}", id="1", content_type="text/plain", headers=forged | {"mine": "kept"})
            first, second = await handler.saw(2)
            await until(lambda: is_dead(bus, site, 1))
            async with bus.dead_letters(site.queue) as letters:
                [letter] = [held.dead_letter async for held in letters]
        assert (first.attempt, first.deliveries, first.key) == (1, 1, KEY)
        assert set(first.headers) - {"x-delivery-count"} == {"mine"}
        assert (second.attempt, second.key) == (2, KEY)
        assert second.headers["x-retry-reason"] == "again"
        assert "forged" not in [*second.headers.values(), *letter.message.headers.values()]
        assert (letter.reason, letter.detail, letter.message.key) == ("invalid", "", KEY)
        assert letter.dead_at is not None
        assert letter.dead_at.year > 2000


async def is_ready(bus: Bus, site: Site, count: int) -> bool:
    return (await bus.depth(site.queue)).ready == count


async def is_waiting(bus: Bus, site: Site, count: int) -> bool:
    return (await bus.depth(site.queue)).waiting == count


async def is_dead(bus: Bus, site: Site, count: int) -> bool:
    return (await bus.depth(site.queue)).dead == count


async def is_empty(bus: Bus, site: Site) -> bool:
    return await bus.depth(site.queue) == QueueDepth(0, 0, 0)
