"""What the log tells of a link that is lost, and of a bus that stops about then."""

import asyncio
import logging

import pytest
from structlog.testing import capture_logs

from bridge.bus.port import Delivery, Disposition, Done
from tests.integration.bus.conformance import Recorder, send, started
from tests.support.bus_sites import RabbitSite, until
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.rabbit


async def test_the_end_of_a_bus_is_no_connection_that_broke(site: RabbitSite) -> None:
    with capture_logs() as logs:
        async with TcpProxy(site.url) as proxy, started(site.bus(proxy.url), site, Recorder()) as bus:
            links = proxy.links
            proxy.cut()
            await until(lambda: proxy.links > links)
            await until(bus.ready)
    assert "taken_one_by_one" not in {line["event"] for line in logs}


@pytest.mark.parametrize("comes_back", [True, False], ids=["the link comes back", "the bus stops"])
async def test_what_a_channel_loses_with_its_link_is_no_error(
    site: RabbitSite, caplog: pytest.LogCaptureFixture, comes_back: bool
) -> None:
    with caplog.at_level(logging.ERROR, "aio_pika"):
        async with TcpProxy(site.url) as proxy, started(site.bus(proxy.url), site, Recorder()) as bus:
            assert await bus.ready()
            links = proxy.links
            proxy.cut()
            if comes_back:
                await until(lambda: proxy.links > links)
                await until(bus.ready)
    assert [record.msg for record in caplog.records] == []


async def test_a_bus_stops_in_order_while_its_broker_is_silent(site: RabbitSite) -> None:
    """The link is given up while the goodbye waits: the driver cancels whoever waits then."""
    in_hand, finish, ends = asyncio.Event(), asyncio.Event(), []

    async def handler(delivery: Delivery) -> Disposition:
        in_hand.set()
        await finish.wait()
        ends.append(delivery.id)
        return Done()

    async with TcpProxy(site.url) as proxy, started(site.bus(), site) as sender:
        async with started(site.bus(proxy.url, heartbeat=1), site, handler):
            await send(sender)
            await in_hand.wait()
            proxy.silence()
            asyncio.get_running_loop().call_later(4, finish.set)
        assert ends == ["request-1"]
