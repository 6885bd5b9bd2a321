"""The RabbitMQ adapter."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.bus.conformance import BusConformance
from tests.support.bus_sites import RabbitSite


@pytest.mark.rabbit
class TestRabbit(BusConformance):
    @pytest.fixture
    async def site(self, rabbit_url: str) -> AsyncIterator[RabbitSite]:
        async with RabbitSite.open(rabbit_url) as site:
            yield site
