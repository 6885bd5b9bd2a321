"""On a NATS cluster each stream that a worker makes has three copies, and one that has not is told of."""

import nats
import pytest

from bridge.bus.condition import TellsCondition
from bridge.operations.surroundings import of_bus
from tests.integration.bus.conformance import started
from tests.support.bus_sites import NatsSite
from tests.support.clusters import listed

pytestmark = [pytest.mark.timeout(300), pytest.mark.nats]


async def test_each_stream_has_three_copies_and_the_doctor_tells_of_one_that_has_not(nats_cluster):
    url = listed([node.url for node in nats_cluster.nodes])
    async with NatsSite.open(nats_cluster.nodes[0].url) as site, started(site.bus(url), site) as bus:
        assert isinstance(bus, TellsCondition)
        assert not (await bus.condition([site.queue])).alone
        client = await nats.connect(nats_cluster.nodes[1].url)
        stream = client.jetstream()
        name = site.queue.name.replace(".", "_")
        found = (await stream.stream_info(name)).config
        assert found.num_replicas == 3
        await stream.update_stream(found, num_replicas=1)
        await client.close()
        condition = await bus.condition([site.queue])
        assert condition.alone == [name]
        [told] = [check for check in of_bus(condition) if check.what == "copies of streams"]
        assert not told.is_good
        assert name in told.detail
