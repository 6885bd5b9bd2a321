"""The RabbitMQ adapter."""

import asyncio
import gc

import pytest
from pamqp import decode

from bridge.bus.port import Delivery, Disposition, PublishesSeveral, TooLarge, Unroutable
from bridge.ledger import StoredEvent
from tests.integration.bus.conformance import BusConformance, Recorder, started
from tests.support.brokers import rabbitmq_series
from tests.support.bus_sites import TOPIC, RabbitSite, until
from tests.support.tcp_proxy import TcpProxy

_FROM_4 = 17 << 20
"""Bytes: more than a RabbitMQ 4 takes as it comes, and much less than any before it."""


@pytest.fixture
def limit_of_rabbitmq_4() -> None:
    if not rabbitmq_series().startswith("4."):
        pytest.skip("RabbitMQ 3 takes 128 MiB: make brokers runs 4 as well")


@pytest.mark.rabbit
class TestBus(BusConformance):
    async def test_what_the_driver_cannot_read_is_read_also_after_a_new_connection_and_by_nobody_else(
        self, site: RabbitSite
    ) -> None:
        seen: list[str] = []
        handler = Recorder()

        async def handle(delivery: Delivery) -> Disposition:
            # A site's own code that uses the driver, here where a handler runs.
            try:
                decode.METHODS["shortstr"](b"\x01\xff")
            except UnicodeDecodeError:
                seen.append("strict")
            return await handler(delivery)

        async with TcpProxy(site.url) as proxy, started(site.bus(proxy.url), site, handle):
            for number in (1, 2):
                await site.put_written(b"%d" % number, app_id=b"M\xfcller", timestamp=1_700_000_000_000_000)
                assert [delivery.body for delivery in await handler.saw(number)][-1] == b"%d" % number
                proxy.cut()
        assert seen == ["strict"] * 2

    @pytest.mark.usefixtures("limit_of_rabbitmq_4")
    async def test_what_is_over_the_limit_of_a_rabbitmq_4_is_told_as_too_large(
        self, site: RabbitSite
    ) -> None:
        async with started(site.bus(), site) as bus:
            await site.listen(TOPIC)
            with pytest.raises(TooLarge):
                await bus.publish(TOPIC, bytes(_FROM_4), id="1", content_type="text/plain")
            await bus.publish(TOPIC, b"and the bus still works", id="2", content_type="text/plain")

    async def test_of_events_that_go_out_together_one_that_nobody_takes_holds_up_no_other(
        self, site: RabbitSite
    ) -> None:
        topics = (TOPIC, "nobody.listens.v1", TOPIC)
        events = [StoredEvent(str(number), topic, b"[]") for number, topic in enumerate(topics)]
        async with started(site.bus(), site) as bus:
            assert isinstance(bus, PublishesSeveral)
            inbox = await site.listen(TOPIC)
            faults = await bus.publish_together(events, correlation_id=None)
            assert [type(fault) for fault in faults] == [type(None), Unroutable, type(None)]
            assert [message.id for message in await inbox.take(2)] == ["0", "2"]

    @pytest.mark.usefixtures("limit_of_rabbitmq_4")
    async def test_of_events_that_go_out_together_the_one_that_is_too_large_is_found(
        self, site: RabbitSite
    ) -> None:
        events = [StoredEvent(str(number), TOPIC, bytes(size)) for number, size in enumerate((1, _FROM_4, 2))]
        async with started(site.bus(), site) as bus:
            assert isinstance(bus, PublishesSeveral)
            inbox = await site.listen(TOPIC)
            faults = await bus.publish_together(events, correlation_id=None)
            assert [type(fault) for fault in faults] == [type(None), TooLarge, type(None)]
            await until(lambda: {message.id for message in inbox.messages} == {"0", "2"})

    @pytest.mark.usefixtures("limit_of_rabbitmq_4")
    async def test_what_is_too_large_costs_nobody_else_who_publishes_at_that_moment(
        self, site: RabbitSite
    ) -> None:
        async with started(site.bus(), site) as bus:
            inbox = await site.listen(TOPIC)
            sizes = [1, 2, 3, _FROM_4, 5, 6, 7]
            ends = await asyncio.gather(
                *(bus.publish(TOPIC, bytes(size), id=f"{size}", content_type="text/plain") for size in sizes),
                return_exceptions=True,
            )
            wanted = [size for size in sizes if size != _FROM_4]
            assert [type(end) for end in ends] == [type(None)] * 3 + [TooLarge] + [type(None)] * 3
            await until(lambda: {message.id for message in inbox.messages} == {f"{size}" for size in wanted})


@pytest.mark.rabbit
async def test_whatever_is_asked_of_the_broker_nothing_of_it_stays(site: RabbitSite) -> None:
    """A worker asks every few seconds for as long as it runs."""
    async with started(site.bus(), site) as bus:

        async def ask() -> int:
            for _ in range(20):
                await bus.depth(site.queue)
                assert await bus.ready()
                await bus.is_attended(site.queue)
            await asyncio.sleep(0.2)
            gc.collect()
            return len(gc.get_objects())

        await ask()
        before = await ask()
        assert await ask() < before + 20
