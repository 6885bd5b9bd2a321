"""The broker of this folder, for every test of it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.bus_sites import RabbitSite


@pytest.fixture
async def site(rabbit_url: str) -> AsyncIterator[RabbitSite]:
    async with RabbitSite.open(rabbit_url) as site:
        yield site
