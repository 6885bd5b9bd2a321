"""The RabbitMQ adapter under faults."""

import asyncio
from collections.abc import AsyncIterator

import aio_pika
import pytest

from bridge.bus.port import QueueSpec
from bridge.errors import Misconfigured
from tests.faults.bus.conformance import BusFaults
from tests.integration.bus.conformance import started
from tests.support.brokers import RabbitNode
from tests.support.bus_sites import TOPIC, RabbitSite


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
            await asyncio.sleep(0.3)
            assert not held.done()
            first = await full.get(no_ack=True)
            await held
            second = await full.get(no_ack=True)
        assert (first.message_id, second.message_id) == ("event-1", "event-2")
        assert second.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        await connection.close()

    async def test_a_queue_made_otherwise_is_a_fault_of_the_installation(self, site: RabbitSite) -> None:
        connection = await aio_pika.connect(site.url)
        channel = await connection.channel()
        await channel.declare_queue(f"{site.prefix}.other", durable=False, auto_delete=True)
        async with started(site.bus(), site) as bus:
            with pytest.raises(Misconfigured, match="other"):
                await bus.declare(QueueSpec(f"{site.prefix}.other", ("key",)))
            assert await bus.ready()
        await connection.close()
