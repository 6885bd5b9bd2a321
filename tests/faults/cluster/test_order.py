"""A queue in order on a cluster, while its leader moves and while the node that leads it is killed.

Two senders of HL7 v2 stand by it, of which one has the turn. The messages of a patient must arrive in order, each once.
"""

import asyncio
import json
import secrets
from collections import Counter, defaultdict
from contextlib import AsyncExitStack

import pytest

from bridge.engine.mllp.rendered import HL7V2_DELIVERY, delivery_queue
from tests.faults.cluster.conftest import Address, ClusterBroker
from tests.faults.installation import LONGEST
from tests.support.bus_sites import until
from tests.support.clusters import listed
from tests.support.mllp import TOPIC, a31, environment, event, patient_of, peer_at_work
from tests.support.processes import bridge, child
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.timeout(600)
PATIENTS = 4
MESSAGES = 120
PACE = 0.15
A_WHILE = 20
"""Messages that show that work goes on."""


async def test_the_messages_of_a_patient_keep_their_order_and_none_comes_twice(
    cluster, ledger_url, tmp_path, outages
):
    for node in cluster.nodes:
        if not node.is_running:  # a test before this one failed
            await asyncio.to_thread(node.start)
    urls = [node.url for node in cluster.nodes]
    published: list[bytes] = []
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(TcpProxy(*urls))
        opening = ClusterBroker(cluster.title, Address(listed(urls)), balancer).site()
        site = await stack.enter_async_context(opening)
        peer = await stack.enter_async_context(peer_at_work(delay=0.05))
        variables = environment(
            tmp_path,
            BRIDGE_BUS_URL=listed(urls),
            BRIDGE_BUS_PREFIX=site.prefix,
            BRIDGE_LEDGER_URL=ledger_url,
            BRIDGE_LOG_FORMAT="json",
            BRIDGE_MLLP_CONNECTIONS="3",
            BRIDGE_MLLP_PEER=f"mllp://127.0.0.1:{peer.port}",
        )
        bus = site.bus(listed(urls))
        await bus.start()
        stack.push_async_callback(bus.stop, grace=5)
        queue = delivery_queue(site.prefix)
        await bus.declare(queue)

        async def publish() -> None:
            for number in range(MESSAGES):
                patient = f"P{number % PATIENTS}"
                er7 = a31(f"M{number}", patient)
                told = event(er7, patient=patient)
                published.append(er7)
                await bus.publish(
                    TOPIC,
                    json.dumps(told).encode(),
                    id=told["id"],
                    content_type="application/cloudevents+json",
                )
                await asyncio.sleep(PACE)

        async def came(count: int) -> None:
            async with asyncio.timeout(LONGEST):
                await until(lambda: len(peer.messages) >= count)

        senders = []
        for name in ("first", "second"):
            log = tmp_path / f"{name}-{secrets.token_hex(2)}.log"
            outages.reads(log)
            starting = child("bridge", ["mllp", "send"], environment=variables, output=log)
            senders.append(stack.enter_context(starting))
            await asyncio.to_thread(senders[-1].wait_for, "delivery_started")
        publishing = asyncio.create_task(publish())
        await came(A_WHILE)
        await cluster.move_leader(queue.name)
        await came(2 * A_WHILE)
        killed = await cluster.leader_of(queue.name)
        await asyncio.to_thread(cluster.nodes[killed].kill)
        await came(3 * A_WHILE)
        await asyncio.to_thread(cluster.nodes[killed].start)
        await publishing
        await came(MESSAGES)
        async with asyncio.timeout(LONGEST):
            await until(lambda: _is_quiet(bus, queue))
        for sender in senders:
            assert await asyncio.to_thread(sender.stop) == 0
    orders: dict[str, list[int]] = defaultdict(list)
    for message in peer.messages:
        orders[patient_of(message)].append(published.index(message))
    assert Counter(peer.messages) == Counter(published)
    assert all(order == sorted(order) for order in orders.values()), orders
    balance = await asyncio.to_thread(
        bridge,
        *("ledger", "balance", "--pipeline", HL7V2_DELIVERY, "--json"),
        directory=tmp_path,
        environment=variables,
    )
    [account] = json.loads(balance.printed)["pipelines"]
    assert account["holds"], account
    ends = Counter({"delivered": account["ledger"]["completed"]})
    outages.saw("cluster_order", on=cluster.title, ends=ends)


async def _is_quiet(bus, queue):
    depth = await bus.depth(queue)
    return (depth.ready, depth.waiting, depth.dead) == (0, 0, 0)
