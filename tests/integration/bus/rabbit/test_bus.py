"""The RabbitMQ adapter."""

import pytest
from pamqp import decode

from bridge.bus.port import Delivery, Disposition
from tests.integration.bus.conformance import BusConformance, Recorder, started
from tests.support.bus_sites import RabbitSite
from tests.support.tcp_proxy import TcpProxy


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
