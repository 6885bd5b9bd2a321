"""A bus that stops while its broker is away."""

import asyncio

import pytest

from bridge.bus.port import Delivery, Disposition, Done
from tests.integration.bus.conformance import Recorder, send, started
from tests.support.bus_sites import TOPIC, NatsSite
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.nats


async def test_what_could_not_be_said_any_more_is_no_fault(site: NatsSite) -> None:
    in_hand, is_away = asyncio.Event(), asyncio.Event()

    async with TcpProxy(site.url) as proxy, started(site.bus(), site) as sender:
        bus = site.bus(proxy.url)

        async def handler(delivery: Delivery) -> Disposition:
            in_hand.set()
            await is_away.wait()
            await bus.publish(TOPIC, b"{}", id=f"event-{delivery.id}", content_type="application/json")
            return Done()

        await site.listen(TOPIC)
        await bus.start()
        await bus.consume(site.queue, handler, concurrency=5)
        await send(sender)
        await in_hand.wait()
        await proxy.refuse()
        while await bus.ready():
            await asyncio.sleep(0)
        is_away.set()
        await bus.stop(grace=0.5)
        async with started(site.bus(), site, again := Recorder()):
            await again.saw(1)
