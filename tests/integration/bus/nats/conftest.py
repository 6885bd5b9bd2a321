"""The broker of this folder, for every test of it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.bus_sites import NatsSite


@pytest.fixture
async def site(nats_url: str) -> AsyncIterator[NatsSite]:
    async with NatsSite.open(nats_url) as site:
        yield site
