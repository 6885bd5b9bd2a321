"""What every bus must survive: each adapter's test class inherits this."""

import asyncio
import sys
from collections import Counter
from functools import partial
from typing import Any

import pytest

from bridge.bus.port import (
    Bus,
    Dead,
    Delivery,
    Disposition,
    Done,
    PublishesSeveral,
    RetryAfter,
    Unroutable,
)
from bridge.ledger import StoredEvent
from tests.integration.bus.conformance import Recorder, send, started
from tests.support.brokers import Node
from tests.support.bus_sites import TOPIC, Inbox, Site, until
from tests.support.promises import Promises
from tests.support.tcp_proxy import TcpProxy

MESSAGES = 300
CUTS = 5


class BusFaults(Promises):
    """Inherited per adapter; `site` is its broker, `node` the process behind it."""

    part = "When something breaks"

    kind: str

    @pytest.fixture
    def site(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def node(self) -> Any:
        raise NotImplementedError

    async def test_cut_connections_lose_nothing_and_repeat_nothing(self, site: Site, node: Node) -> None:
        runs: Counter[str] = Counter()
        tries: Counter[str] = Counter()

        async with TcpProxy(node.url) as proxy, started(site.bus(), site) as sender:
            bus = site.bus(proxy.url)

            async def handler(delivery: Delivery) -> Disposition:
                runs[f"{delivery.id}:{delivery.attempt}"] += 1
                await asyncio.sleep(0.02)
                await bus.publish(TOPIC, b"{}", id=f"event-{delivery.id}", content_type="application/json")
                tries[delivery.id] += 1
                number = int(delivery.id.removeprefix("request-"))
                if number % 50 == 0:
                    return Dead("invalid")
                return RetryAfter(0.1, "again") if number % 10 == 0 and delivery.attempt == 1 else Done()

            inbox = await site.listen(TOPIC)
            for number in range(MESSAGES):
                await send(sender, number)
            async with started(bus, site, handler, concurrency=20):
                for cut in range(1, CUTS + 1):
                    await until(partial(_reached, tries, cut * MESSAGES // (CUTS + 2)))
                    proxy.cut()
                retried = [number for number in range(MESSAGES) if number % 10 == 0 and number % 50]
                await until(lambda: len(runs) == MESSAGES + len(retried))
                # A copy whose confirm was cut off is published again. In a delay queue, the second one
                # joins the first; a dead letter may stand there twice, with the same id.
                # Some may wait for a confirm still: nobody leaves before everything is where it belongs.
                events = {f"event-request-{number}" for number in range(MESSAGES)}
                await until(lambda: {message.id for message in inbox.messages} == events)
                await until(partial(_nothing_left, sender, site))
                dead = {f"request-{number}" for number in range(0, MESSAGES, 50)}
                await until(partial(_are_dead, site, dead))
        assert set(runs.values()) == {1}
        assert proxy.links > CUTS

    async def test_cut_connections_lose_none_of_the_events_that_go_out_together(
        self, site: Site, node: Node
    ) -> None:
        async with TcpProxy(node.url) as proxy, started(site.bus(proxy.url), site) as bus:
            assert isinstance(bus, PublishesSeveral)
            inbox = await site.listen(TOPIC)

            async def publish(number: int) -> None:
                events = [StoredEvent(f"{number}-{part}", TOPIC, bytes(3_000)) for part in range(10)]
                assert not any(await bus.publish_together(events, correlation_id=None))

            for cut in range(CUTS):
                async with asyncio.TaskGroup() as publishing:
                    for number in range(20 * cut, 20 * (cut + 1)):
                        publishing.create_task(publish(number))
                    await until(partial(_hold_more, inbox, len(inbox.messages)))
                    proxy.cut()
                # All have come before the next: what comes then, came by a link that was made anew.
                wanted = {f"{number}-{part}" for number in range(20 * (cut + 1)) for part in range(10)}
                await until(partial(_holds, inbox, wanted))
        assert proxy.links >= CUTS  # all may be out by the last one

    async def test_a_killed_worker_s_message_is_handed_over_again(self, site: Site, node: Node) -> None:
        async with started(site.bus(), site) as sender:
            await send(sender)
            for deliveries in (1, 2):
                worker = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tests.support.bus_consumer"),
                    *(self.kind, node.url, site.prefix, site.queue.name, *site.queue.keys),
                    stdout=asyncio.subprocess.PIPE,
                )
                assert worker.stdout is not None
                line = b""
                while not line.startswith(b"took"):
                    line = await worker.stdout.readline()
                assert line.split() == [b"took", b"request-1", b"%d" % deliveries]
                worker.kill()
                await worker.communicate()
            async with started(site.bus(), site, handler := Recorder()):
                [delivery] = await handler.saw(1)
        assert (delivery.attempt, delivery.deliveries) == (1, 3)

    @pytest.mark.parametrize("how", ["stop", "kill"])
    async def test_a_restarted_broker_has_everything(self, site: Site, node: Node, how: str) -> None:
        handler = Recorder(RetryAfter(1.5, "provider_timeout"), Done())
        bus, publishing = site.bus(), site.bus()
        async with started(publishing, site) as sender:
            await asyncio.to_thread(node.settle)
            await send(sender, 1)
            async with started(bus, site, handler):
                await handler.saw(1)
                await until(lambda: _is_waiting(sender, site, 1))
                await asyncio.to_thread(getattr(node, how))
                during = asyncio.create_task(send(sender, 2))  # waits for the broker
                await asyncio.sleep(0.2)
                assert not await bus.ready()
                assert not during.done()
                await asyncio.to_thread(node.start)
                await during
                await handler.saw(4)
                await until(bus.ready)
        assert sorted((d.id, d.attempt) for d in handler.deliveries) == [
            ("request-1", 1),
            ("request-1", 2),
            ("request-2", 1),
            ("request-2", 2),
        ]

    async def test_waits_for_a_broker_that_is_away_at_start(self, site: Site, node: Node) -> None:
        async with TcpProxy(node.url) as proxy:
            await proxy.refuse()
            bus = site.bus(proxy.url)
            starting = asyncio.create_task(bus.start())
            await asyncio.sleep(0.5)
            assert not starting.done()
            await proxy.heal()
            await starting
            assert await bus.ready()
            await bus.stop(grace=1)

    @pytest.mark.parametrize("broker", ["away", "mute"])
    async def test_a_start_that_waits_can_be_given_up(self, site: Site, node: Node, broker: str) -> None:
        async with TcpProxy(node.url) as proxy:
            proxy.delay = 60
            if broker == "away":
                await proxy.refuse()
            bus = site.bus(proxy.url)
            starting = asyncio.create_task(bus.start())
            await asyncio.sleep(0.2)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            await bus.stop(grace=1)

    async def test_a_link_that_dies_without_a_word_is_replaced(self, site: Site, node: Node) -> None:
        handler = Recorder()
        async with (
            TcpProxy(node.url) as proxy,
            started(site.bus(), site) as sender,
            started(site.bus(proxy.url, heartbeat=1), site, handler) as bus,
        ):
            await send(sender, 1)
            await handler.saw(1)
            proxy.silence()
            await send(sender, 2)
            await handler.saw(2)
            await until(bus.ready)
        assert proxy.links > 1

    async def test_an_outage_while_stopping_does_not_hold_the_process(self, site: Site, node: Node) -> None:
        async with TcpProxy(node.url) as proxy, started(site.bus(), site) as sender:
            bus = site.bus(proxy.url)
            async with started(bus, site, handler := Recorder(RetryAfter(1, "again"))):
                await proxy.refuse()
                await bus.stop(grace=1)
            await send(sender)
            async with started(site.bus(), site, handler):
                await handler.saw(1)

    async def test_a_delay_queue_that_was_deleted_is_made_again(self, site: Site, node: Node) -> None:
        handler = Recorder(RetryAfter(0.5, "again"), Dead("invalid"))
        async with started(site.bus(), site, handler) as bus:
            await site.remove_delay_queues()
            await send(bus)
            await handler.saw(2)
            await until(lambda: _has_dead(site, 1))

    async def test_a_work_queue_that_was_deleted_is_declared_again(self, site: Site, node: Node) -> None:
        handler = Recorder()
        bus = site.bus(watch_interval=0.2)
        async with started(site.bus(), site) as sender, started(bus, site, handler):
            await send(sender, 1)
            await handler.saw(1)
            await site.remove_queue()
            await until(lambda: _is_taken(sender))  # until then a sender is told that nobody takes it
            await handler.saw(2)
            await until(bus.ready)
        assert [delivery.id for delivery in handler.deliveries] == ["request-1", "request-2"]


async def _is_taken(bus: Bus) -> bool:
    try:
        await send(bus, 2)
    except Unroutable:
        return False
    return True


def _holds(inbox: Inbox, ids: set[str]) -> bool:
    return {message.id for message in inbox.messages} == ids


def _hold_more(inbox: Inbox, seen: int) -> bool:
    return len(inbox.messages) > seen


def _reached(counter: Counter[str], count: int) -> bool:
    return len(counter) >= count


async def _are_dead(site: Site, ids: set[str]) -> bool:
    return {letter.id for letter in await site.dead()} == ids


async def _nothing_left(bus: Bus, site: Site) -> bool:
    depth = await bus.depth(site.queue)
    return (depth.ready, depth.waiting) == (0, 0)


async def _is_waiting(bus: Any, site: Site, count: int) -> bool:
    return bool((await bus.depth(site.queue)).waiting == count)


async def _has_dead(site: Site, count: int) -> bool:
    return len(await site.dead()) == count
