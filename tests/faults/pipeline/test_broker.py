"""The broker, or the way to it, breaks while a whole worker runs."""

import asyncio
import json
from typing import Any

import aio_pika
import pytest
from nats import connect as connect_nats
from nats.js.api import DiscardPolicy

from bridge.sandbox import BY_NAME
from tests.faults.installation import until
from tests.support.requests import cloud_event, record_request
from tests.support.tcp_proxy import TcpProxy

SLOW = 0.4


async def test_a_restarted_broker_has_every_request(broker, installed, outages):
    async with installed(broker, practice_delay=SLOW) as site:
        async with site.worker():
            ids = await site.epr.ask(*["no_known_allergies"] * 20)
            await until(lambda: site.asked_of_practices("no_known_allergies") >= 10)
            await asyncio.to_thread(broker.node.stop)
            waiting = asyncio.create_task(site.epr.ask("rich_record"))  # a sender waits for the broker, too
            await asyncio.sleep(2 * SLOW)  # answers come while it is away
            await asyncio.to_thread(broker.node.start)
            ids += await waiting
            await site.epr.over(ids)
            ends = await site.accounts(ids)
        assert site.asked_of_practices("no_known_allergies") == 20, "no call is repeated"
    outages.saw("broker_restarted", on=broker.title, ends=ends)


async def test_a_slow_link_to_the_broker_only_slows(broker, installed, outages):
    async with installed(broker) as site, TcpProxy(broker.node.url) as link:
        async with site.worker(link.url):
            link.delay = 0.2
            ids = await site.epr.ask(*["no_known_allergies"] * 10)
            await site.epr.over(ids)
            ends = await site.accounts(ids)
        assert link.links == 1, "nothing was taken for broken"
        assert site.asked_of_practices("no_known_allergies") == 10
    outages.saw("link_slow", on=broker.title, ends=ends)


async def test_a_link_that_swallows_everything_is_replaced(broker, installed, outages):
    async with installed(broker, practice_delay=SLOW) as site, TcpProxy(broker.node.url) as link:
        async with site.worker(link.url, heartbeat=1):
            ids = await site.epr.ask(*["no_known_allergies"] * 20)
            await until(lambda: site.asked_of_practices("no_known_allergies") >= 10)
            link.silence()
            ids += await site.epr.ask("rich_record")
            await site.epr.over(ids)
            ends = await site.accounts(ids)
        assert link.links > 1
        assert site.asked_of_practices("no_known_allergies") == 20, (
            "work that runs is neither stopped nor repeated"
        )
    outages.saw("link_half_open", on=broker.title, ends=ends)


@pytest.mark.rabbit
async def test_a_full_queue_of_the_epr_holds_the_worker(rabbit, installed, outages):
    async with installed(rabbit) as site:
        connection = await aio_pika.connect(rabbit.node.url)
        channel = await connection.channel()
        limited: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish"}
        full = await channel.declare_queue(f"{site.site.prefix}.full", durable=True, arguments=limited)
        await full.bind(f"{site.site.prefix}.events", "#")
        async with site.worker():
            ids = await site.epr.ask("no_known_allergies", "rich_record")
            await until(lambda: outages.logged("publish_retrying"))
            assert not any(map(site.epr.is_over, ids))
            await full.consume(_read_and_forget, no_ack=True)
            await site.epr.over(ids)
            ends = await site.accounts(ids)
        await connection.close()
        assert site.asked_of_practices("no_known_allergies") == 1
    outages.saw("events_full", on="RabbitMQ", ends=ends)


@pytest.mark.nats
async def test_a_full_stream_of_events_holds_the_worker(nats, installed, outages):
    async with installed(nats) as site:
        events = f"{site.site.prefix}_events"
        await _limit_stream(nats.node, events, 1)
        async with site.worker():
            ids = await site.epr.ask("no_known_allergies", "rich_record")
            await until(lambda: outages.logged("publish_retrying"))
            assert not any(map(site.epr.is_over, ids))
            await _limit_stream(nats.node, events, -1)
            await site.epr.over(ids)
            ends = await site.accounts(ids)
        assert site.asked_of_practices("no_known_allergies") == 1
    outages.saw("events_full", on="NATS", ends=ends)


async def test_a_full_work_queue_holds_the_senders(broker, installed, outages):
    async with installed(broker) as site:
        await LIMIT[broker.title](broker.node, site.site.queue.name)
        sending = asyncio.create_task(site.epr.ask(*["no_known_allergies"] * 5))
        await until(lambda: outages.logged("publish_retrying"))
        assert not sending.done()
        async with site.worker():
            ids = await sending
            await site.epr.over(ids)
            ends = await site.accounts(ids)
    outages.saw("requests_full", on=broker.title, ends=ends)


async def test_a_work_queue_that_is_deleted_is_declared_again(broker, installed, outages):
    async with installed(broker, practice_delay=SLOW) as site:
        async with site.worker(watch_interval=0.5):
            ids = await site.epr.ask(*["no_known_allergies"] * 3)
            await until(lambda: site.asked_of_practices("no_known_allergies") == 3)
            await site.site.remove_queue()
            await until(lambda: outages.logged("queue_declared_again"))
            ids += await site.epr.ask("rich_record")
            await site.epr.over(ids)
            ends = await site.accounts(ids)
        assert site.asked_of_practices("no_known_allergies") == 3
    outages.saw("queue_deleted", on=broker.title, ends=ends)


@pytest.mark.rabbit
async def test_what_the_broker_parks_by_itself_is_worked_on_or_told_of(rabbit, installed, outages):
    async with installed(rabbit) as site:
        ids = await site.epr.ask("no_known_allergies")
        async with await aio_pika.connect(rabbit.node.url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(site.site.queue.name)
            while not await site.holds(dead=1):
                if message := await queue.get(fail=False):
                    await message.nack(requeue=True)  # as the broker does for each connection that is lost
            late = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
            requests = await channel.get_exchange(f"{site.site.prefix}.requests")
            expiring = aio_pika.Message(json.dumps(late).encode(), message_id=late["id"], expiration=0.001)
            expiring.correlation_id = late["id"]
            await requests.publish(expiring, "record.requested.v1")
        ids.append(late["id"])
        await until(lambda: site.holds(dead=2))
        async with site.worker(watch_interval=0.2):
            await site.epr.over(ids)
            ends = await site.accounts(ids)
        assert site.asked_of_practices("rich_record") == 0, "what expired is not done afterwards"
    outages.saw("parked_by_broker", on="RabbitMQ", ends=ends)


@pytest.mark.rabbit
async def test_events_that_no_queue_takes_are_owed_until_somebody_listens(rabbit, installed, outages):
    async with installed(rabbit, listening=False) as site, site.worker():
        ids = await site.epr.ask("no_known_allergies", "rich_record")
        await until(lambda: site.holds(dead=2))
        await site.epr.listen()
        job = (await site.command("dead", "replay", "plan", "--reason", "unroutable", "--json"))["id"]
        await site.command("dead", "replay", "confirm", job, "--reason", "the queue is bound")
        await site.command("dead", "replay", "run", job)
        outages.did("bridge dead replay")
        await site.epr.over(ids)
        ends = await site.accounts(ids)
        assert site.asked_of_practices("no_known_allergies") == 1
    outages.saw("events_unroutable", on="RabbitMQ", ends=ends)


@pytest.mark.nats
async def test_a_record_too_large_for_the_broker_fails_visibly(nats, installed, outages):
    async with installed(nats, scenario_faults=True) as site, site.worker():
        ids = await site.epr.ask("enormous")
        await site.epr.over(ids)
        ends = await site.accounts(ids)
    outages.saw("event_too_large", on="NATS", ends=ends)


async def _read_and_forget(message: aio_pika.abc.AbstractIncomingMessage) -> None:
    """As an EPR that reads again."""


async def _limit_queue(node: Any, name: str) -> None:
    arguments = ("set_policy", f"{name}-full", f"^{name}$", '{"max-length": 2}', "--apply-to", "queues")
    await asyncio.to_thread(node.control, *arguments)


async def _limit_stream(node: Any, name: str, count: int = 2) -> None:
    """As an operator would: what is over the limit is refused, not discarded."""
    client = await connect_nats(node.url)
    stream = client.jetstream()
    found = (await stream.stream_info(name.replace(".", "_"))).config
    await stream.update_stream(found, max_msgs=count, discard=DiscardPolicy.NEW)
    await client.close()


LIMIT = {"RabbitMQ": _limit_queue, "NATS": _limit_stream}
