"""The doctor at a real RabbitMQ with its management plugin: policies that lose messages, rights, the clock."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
import pytest_asyncio

from bridge.operations.broker_policies import broker_policies
from bridge.operations.site import open_queues
from bridge.operations.surroundings import Check
from bridge.settings import BusSettings, Settings
from tests.integration.operations.conftest import Apis, admin, done
from tests.support.brokers import RabbitNode
from tests.support.ports import free_port

pytestmark = [pytest.mark.rabbit, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(
    api: str, rabbit_node: RabbitNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """Of an installation whose queues are there, with a queue of an EPR bound to its events."""
    folder: Path = tmp_path_factory.mktemp("policies")
    found = Settings(
        sandbox=True,
        state_dir=folder,
        bus=BusSettings(
            url=rabbit_node.url,
            prefix=f"p{secrets.token_hex(4)}",
            management_url=api,
            management_user="guest",
            management_password="guest",
        ),
    )
    async with open_queues(found, ["structured_record"]), admin(api) as client:
        await done(client, "PUT", f"queues/%2F/{epr(found)}", {"durable": True})
        await done(
            client, "POST", f"bindings/%2F/e/{found.bus.prefix}.events/q/{epr(found)}", {"routing_key": "#"}
        )
        yield found
        await done(client, "DELETE", f"queues/%2F/{epr(found)}")


def epr(settings: Settings) -> str:
    return f"epr-{settings.bus.prefix}"


async def looked(settings: Settings) -> dict[str, Check]:
    return {check.what: check for check in await broker_policies(settings)}


async def test_a_broker_as_it_should_be(settings: Settings):
    found = await looked(settings)
    assert {name: check.is_good for name, check in found.items()} == {
        "limits of the bus": True,
        "readers of the events": True,
        "clock": True,
        "rights on the bus": True,
    }
    assert found["rights on the bus"].detail.startswith("enough; wider than needed: configure, write, read")


LOSING = {"message-ttl": 60000, "expires": 86400000, "max-length": 10}


async def test_policies_that_lose_messages_are_named_with_their_queue(settings: Settings, api: str):
    work = f"{settings.bus.prefix}.structured_record"
    async with admin(api) as client:
        for queue, policy in (
            (work, {"max-length": 10, "delivery-limit": 3}),
            (epr(settings), LOSING),
            (f"{work}.dead", {"max-length": 10, "overflow": "reject-publish"}),
        ):
            path = f"policies/%2F/{queue}"
            pattern = f"^{queue.replace('.', '[.]')}$"
            await done(client, "PUT", path, {"pattern": pattern, "definition": policy, "apply-to": "queues"})

        try:
            expected = {
                f"{work}: delivery-limit 3;",  # its length refuses the publisher, as it is declared
                f"{epr(settings)}: message-ttl 60000, expires 86400000, max-length 10",
            }
            told = ""
            while not all(each in told for each in expected):
                await asyncio.sleep(0.2)  # the API notices a policy a moment later
                told = (await looked(settings))["limits of the bus"].detail
            assert f"{work}.dead" not in told
            assert not (await looked(settings))["limits of the bus"].is_good
        finally:
            for queue in (work, epr(settings), f"{work}.dead"):
                await done(client, "DELETE", f"policies/%2F/{queue}")


async def test_a_queue_of_events_that_nobody_reads_is_named(settings: Settings):
    async with await aio_pika.connect(settings.bus.url) as connection:
        channel = await connection.channel(publisher_confirms=False)
        events = await channel.get_exchange(f"{settings.bus.prefix}.events", ensure=False)
        for _ in range(1000):
            await events.publish(aio_pika.Message(b""), "record.completed.v1")
        while (told := (await looked(settings))["readers of the events"]).is_good:
            await asyncio.sleep(0.2)  # the API counts a moment later
        await (await channel.get_queue(epr(settings), ensure=False)).purge()
    assert f"nobody reads {epr(settings)}, which holds" in told.detail


async def test_rights_that_lack_something_are_named(settings: Settings, api: str):
    user, prefix = f"u{secrets.token_hex(4)}", settings.bus.prefix
    url = (settings.bus.url or "").replace("guest:guest", f"{user}:secret-{user}")
    own = settings.model_copy(update={"bus": settings.bus.model_copy(update={"url": url})})
    async with admin(api) as client:
        await done(client, "PUT", f"users/{user}", {"password": f"secret-{user}", "tags": "monitoring"})
        assert "has none on this virtual host" in (await looked(own))["rights on the bus"].detail
        mine = f"^({prefix}\\.|amq_)"
        rights = {"configure": mine, "write": mine, "read": f"^{prefix}\\.requests$"}
        await done(client, "PUT", f"permissions/%2F/{user}", rights)
        lacking = (await looked(own))["rights on the bus"]
        assert not lacking.is_good
        assert "write amq.default" in lacking.detail
        assert f"read {prefix}.events" in lacking.detail
        enough = {"configure": mine, "write": f"^({prefix}\\.|amq\\.default$|amq_)", "read": mine}
        await done(client, "PUT", f"permissions/%2F/{user}", enough)
        assert (await looked(own))["rights on the bus"].detail == "enough, and no wider than needed"
        # Asked as one who may not be told of rights.
        asking = {"management_user": user, "management_password": f"secret-{user}"}
        less = BusSettings(**(own.bus.model_dump() | asking))
        blind = (await looked(own.model_copy(update={"bus": less})))["rights on the bus"]
        assert (blind.is_good, "lacks the tag administrator" in blind.detail) == (True, True)
        await done(client, "DELETE", f"users/{user}")


async def test_an_api_that_wants_to_see_a_certificate_is_shown_that_of_the_bus(
    settings: Settings, apis: Apis
):
    ours = apis.authority.issue("worker")
    shown = {"cert_file": ours.cert_file, "key_file": ours.key_file}

    def secured(**own: object) -> Settings:
        there = {"management_url": apis.secured, "ca_file": apis.authority.ca_file}
        return settings.model_copy(update={"bus": settings.bus.model_copy(update=there | own)})

    assert (await looked(secured(**shown)))["clock"].is_good
    (refused,) = await broker_policies(secured())
    assert not refused.is_good
    assert "the server ended TLS: it refuses our certificate, or wants one" in refused.detail
    (unknown,) = await broker_policies(secured(ca_file=None, **shown))
    assert not unknown.is_good
    assert "the server's certificate is refused: its CA is not trusted here" in unknown.detail


async def test_what_cannot_be_asked_is_said(settings: Settings):
    def changed(**own: object) -> Settings:
        return settings.model_copy(update={"bus": settings.bus.model_copy(update=own)})

    (unset,) = await broker_policies(changed(management_url=None))
    assert (unset.is_good, unset.detail) == (True, "not checked: BRIDGE_BUS_MANAGEMENT_URL is not set")
    (away,) = await broker_policies(changed(management_url=f"http://127.0.0.1:{free_port()}"))
    assert (away.is_good, away.detail) == (
        False,
        "management API: ConnectError: see BRIDGE_BUS_MANAGEMENT_URL",
    )
    (refused,) = await broker_policies(changed(management_user="nobody"))
    assert "answers 401" in refused.detail
    assert await broker_policies(changed(url="nats://127.0.0.1:1")) == []
