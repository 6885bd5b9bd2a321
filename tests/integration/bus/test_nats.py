"""The NATS JetStream adapter."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.bus.conformance import BusConformance
from tests.support.bus_sites import NatsSite


@pytest.mark.nats
class TestNats(BusConformance):
    @pytest.fixture
    async def site(self, nats_url: str) -> AsyncIterator[NatsSite]:
        async with NatsSite.open(nats_url) as site:
            yield site
