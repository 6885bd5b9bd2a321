"""Nodes of a broker's cluster are killed, cut off and restarted while requests flow: 0 lost, 0 twice, 0 stuck."""

import asyncio

import pytest

from tests.faults.installation import LONGEST, PIPELINE
from tests.support.bus_sites import NatsSite
from tests.support.clusters import SIZE
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.timeout(900)
A_WHILE = 10
"""Answers that show that work goes on."""
BESIDE_RESTART = 60
"""Records that are asked for while a node is restarted: some before it stops, most while it is away."""


async def seen(at):
    """How everything ended, on which broker, and how long nothing was answered."""
    ends = await at.flow.over()
    return {"on": at.cluster.title, "ends": ends, "stopped": at.flow.longest_pause}


def queue_of(at):
    return f"{at.site.site.prefix}.{PIPELINE}"


async def test_the_node_that_the_worker_is_connected_to_is_killed(at_work, outages):
    await at_work.answered(A_WHILE)
    killed = at_work.connected
    await at_work.kill(killed)
    await at_work.answered(A_WHILE)
    assert at_work.connected != killed
    await at_work.start(killed)
    outages.saw("cluster_node_killed", **await seen(at_work))


async def test_the_leader_of_the_work_queue_is_killed(at_work, outages):
    await at_work.answered(A_WHILE)
    killed = await at_work.cluster.leader_of(queue_of(at_work))
    await at_work.kill(killed)
    await at_work.answered(A_WHILE)
    await at_work.start(killed)
    outages.saw("cluster_leader_killed", **await seen(at_work))


async def test_two_nodes_are_killed_and_the_third_waits_for_them(at_work, outages):
    await at_work.answered(A_WHILE)
    left = at_work.connected
    gone = [number for number in range(SIZE) if number != left]
    await asyncio.gather(*map(at_work.kill, gone))
    await asyncio.sleep(20)
    before = len(at_work.flow.arrived)
    await asyncio.sleep(20)
    assert len(at_work.flow.arrived) == before, "nothing is told that a majority does not hold"
    await asyncio.gather(*map(at_work.start, gone))
    outages.saw("cluster_minority", **await seen(at_work))


async def test_a_node_is_cut_off_from_the_others_and_comes_back(at_work, outages):
    await at_work.answered(A_WHILE)
    alone = at_work.connected
    await at_work.cut_off(alone)
    try:
        await at_work.answered(A_WHILE)
    finally:
        await at_work.cluster.heal(alone)
    outages.saw("cluster_partition", **await seen(at_work))


@pytest.mark.nats
async def test_a_sender_leaves_the_server_that_a_balancer_led_it_to_and_that_does_nothing(nats_cluster):
    urls = [node.url for node in nats_cluster.nodes]
    async with TcpProxy(*urls) as balancer, NatsSite.open(balancer.url) as site:
        bus = site.bus()
        await bus.start()
        try:
            await bus.declare(site.queue)
            await nats_cluster.cut_off(0)
            balancer.leave_out(urls[0])
            async with asyncio.timeout(LONGEST):
                await bus.publish("record.completed.v1", b"{}", id="e1", content_type="application/json")
        finally:
            await bus.stop(grace=5)


async def test_each_node_is_restarted_in_turn(at_work, outages):
    for number in range(SIZE):
        await at_work.flow.more(BESIDE_RESTART)
        await at_work.answered(A_WHILE)
        await at_work.stop(number)
        await at_work.start(number)
        await at_work.cluster.in_step(number)
    outages.saw("cluster_rolling", **await seen(at_work))
