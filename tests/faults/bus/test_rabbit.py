"""The RabbitMQ adapter under faults."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import aio_pika
import pytest
from structlog.testing import capture_logs

from bridge.bus.port import Bus, Delivery, Disposition, Done, QueueDepth, QueueSpec
from bridge.errors import Misconfigured
from tests.faults.bus.conformance import BusFaults
from tests.integration.bus.conformance import Recorder, send, started
from tests.support.brokers import RabbitNode
from tests.support.bus_sites import TOPIC, RabbitSite, until
from tests.support.tcp_proxy import TcpProxy


@pytest.mark.rabbit
class TestRabbitFaults(BusFaults):
    kind = "rabbit"

    @pytest.fixture
    async def site(self, rabbit_node: RabbitNode) -> AsyncIterator[RabbitSite]:
        async with RabbitSite.open(rabbit_node.url) as site:
            yield site

    @pytest.fixture
    def node(self, rabbit_node: RabbitNode) -> RabbitNode:
        return rabbit_node

    async def test_a_broker_that_falls_silent_while_it_is_connected_to_again_is_tried_anew(
        self, site: RabbitSite
    ) -> None:
        """No heartbeat runs before both have greeted each other."""
        async with (
            TcpProxy(site.url) as proxy,
            started(site.bus(), site) as sender,
            started(site.bus(proxy.url), site, handler := Recorder()) as bus,
        ):
            proxy.delay = 60
            proxy.cut()
            await until(lambda: proxy.links > 1)
            proxy.silence()
            proxy.delay = 0
            await send(sender)
            await handler.saw(1)
            await until(bus.ready)

    async def test_a_full_queue_holds_the_publisher_and_loses_nothing(self, site: RabbitSite) -> None:
        connection = await aio_pika.connect(site.url)
        channel = await connection.channel()
        async with started(site.bus(), site) as bus:
            full = await channel.declare_queue(
                f"{site.prefix}.full",
                durable=True,
                arguments={"x-max-length": 1, "x-overflow": "reject-publish"},
            )
            await full.bind(f"{site.prefix}.events", TOPIC)
            await bus.publish(TOPIC, b"1", id="event-1", content_type="text/plain")
            held = asyncio.create_task(bus.publish(TOPIC, b"2", id="event-2", content_type="text/plain"))
            await asyncio.sleep(1.5)  # by then it has been tried on another channel, too
            assert not held.done()
            first = await full.get(no_ack=True)
            await held
            second = await full.get(no_ack=True)
        assert (first.message_id, second.message_id) == ("event-1", "event-2")
        assert second.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        await connection.close()

    async def test_a_message_that_ends_every_connection_becomes_a_dead_letter_and_holds_nobody_up(
        self, site: RabbitSite
    ) -> None:
        """As one that the broker cannot write for this protocol: here the proxy hangs up in its place."""
        runs: Counter[str] = Counter()

        async def handler(delivery: Delivery) -> Disposition:
            runs[delivery.id] += 1
            await asyncio.sleep(0.1)
            return Done()

        with capture_logs() as logs:
            async with TcpProxy(site.url) as proxy, started(site.bus(), site) as sender:
                proxy.unspeakable = b"unspeakable"
                async with started(site.bus(proxy.url, watch_interval=0.5), site, handler) as bus:
                    for number in range(4):
                        await send(sender, number)
                    await send(sender, 4, body=b"unspeakable")
                    await until(lambda: _holds_one_dead_letter(sender, site))
                    await until(lambda: "taken_together_again" in {line["event"] for line in logs})
                    await until(bus.ready)
                    await send(sender, 5)
                    await until(lambda: runs["request-5"])
                    await until(lambda: _holds_one_dead_letter(sender, site))
                    seen = proxy.links
                    await asyncio.sleep(5)  # it is looked at ever more seldom, on connections of their own
                    assert proxy.links - seen <= 3
                    assert await bus.ready()
        # All but that one: what was in hand with it is not counted as often, and becomes no dead letter.
        assert runs == {f"request-{number}": 1 for number in (0, 1, 2, 3, 5)}
        events = [line["event"] for line in logs]
        assert "taken_one_by_one" in events
        assert "letter_taken_up_again" not in events

    async def test_lost_connections_cost_no_message_its_outcome(self, site: RabbitSite) -> None:
        """The broker counts each of them as one more delivery, and gives the message up; its work goes on."""
        runs: list[Delivery] = []
        finish = asyncio.Event()

        async def handler(delivery: Delivery) -> Disposition:
            runs.append(delivery)
            await finish.wait()
            return Done()

        async with TcpProxy(site.url) as proxy, started(site.bus(), site) as sender:
            await send(sender)
            async with started(site.bus(proxy.url, watch_interval=0.2), site, handler) as bus:
                await until(lambda: runs)
                while len(runs) == 1:
                    proxy.cut()
                    await until(bus.ready)
                    await asyncio.sleep(0.2)
                finish.set()
                await until(lambda: _holds_nothing(sender, site))
        assert [(run.attempt, run.given_up) for run in runs] == [(1, None), (2, None)]

    async def test_a_queue_made_otherwise_is_a_fault_of_the_installation(self, site: RabbitSite) -> None:
        connection = await aio_pika.connect(site.url)
        channel = await connection.channel()
        await channel.declare_queue(f"{site.prefix}.other", durable=False, auto_delete=True)
        async with started(site.bus(), site) as bus:
            with pytest.raises(Misconfigured, match="other"):
                await bus.declare(QueueSpec(f"{site.prefix}.other", ("key",)))
            assert await bus.ready()
        await connection.close()


async def _holds_one_dead_letter(bus: Bus, site: RabbitSite) -> bool:
    return await bus.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=1)


async def _holds_nothing(bus: Bus, site: RabbitSite) -> bool:
    return await bus.depth(site.queue) == QueueDepth(0, 0, 0)
