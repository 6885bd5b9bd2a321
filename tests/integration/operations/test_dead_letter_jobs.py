"""Jobs over dead letters, on both brokers."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.operations.job_conformance import JobConformance
from tests.support.bus_sites import NatsSite, RabbitSite


@pytest.mark.rabbit
class TestRabbit(JobConformance):
    @pytest.fixture
    async def site(self, rabbit_url: str) -> AsyncIterator[RabbitSite]:
        async with RabbitSite.open(rabbit_url) as site:
            yield site


@pytest.mark.nats
class TestNats(JobConformance):
    @pytest.fixture
    async def site(self, nats_url: str) -> AsyncIterator[NatsSite]:
        async with NatsSite.open(nats_url) as site:
            yield site
