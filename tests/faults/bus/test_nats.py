"""The NATS JetStream adapter under faults."""

from collections.abc import AsyncIterator

import pytest

from bridge.bus.port import QueueSpec, TooLarge
from bridge.errors import Misconfigured
from tests.faults.bus.conformance import BusFaults
from tests.integration.bus.conformance import started
from tests.support.brokers import NatsNode
from tests.support.bus_sites import KEY, TOPIC, NatsSite


@pytest.mark.nats
class TestNatsFaults(BusFaults):
    kind = "nats"

    @pytest.fixture
    async def site(self, nats_url: str) -> AsyncIterator[NatsSite]:
        async with NatsSite.open(nats_url) as site:
            yield site

    @pytest.fixture
    def node(self, nats_node: NatsNode) -> NatsNode:
        return nats_node

    async def test_a_body_over_the_server_s_limit_fails_loudly(self, site: NatsSite) -> None:
        async with started(site.bus(), site) as bus:
            with pytest.raises(TooLarge):
                await bus.publish(TOPIC, bytes(1024 * 1024 + 1), id="1", content_type="text/plain")

    async def test_a_key_of_another_queue_is_a_fault_of_the_installation(self, site: NatsSite) -> None:
        async with started(site.bus(), site) as bus:
            with pytest.raises(Misconfigured, match="subjects overlap"):
                await bus.declare(QueueSpec(f"{site.prefix}.other", (KEY,)))
