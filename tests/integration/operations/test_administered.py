"""Queues that an administrator makes on a real RabbitMQ: imported from what is printed, and held to it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from bridge.bus import open_bus, try_connection
from bridge.bus.administered import TopologyFound, administered, have_queues
from bridge.bus.port import Dead, Delivery, Disposition, Done, QueueDepth, QueueSpec, RetryAfter
from bridge.bus.rabbit.bus import RabbitBus
from bridge.errors import Misconfigured, NoConnection
from bridge.operations.broker_policies import broker_policies
from bridge.operations.site import queues_of, topology_of
from bridge.settings import BusSettings, MllpSettings, Settings
from tests.integration.bus.conformance import Recorder
from tests.integration.operations.conftest import admin, done
from tests.support.brokers import RabbitNode
from tests.support.bus_sites import until
from tests.support.ports import free_port

pytestmark = [pytest.mark.rabbit, pytest.mark.asyncio(loop_scope="module")]
KEY = "record.requested.v1"


@dataclass(frozen=True)
class Site:
    """A virtual host on which an administrator has imported what `bridge topology` prints."""

    settings: Settings
    host: str
    user: str

    @property
    def queues(self) -> list[QueueSpec]:
        return list(queues_of(self.settings).values())

    @property
    def work(self) -> QueueSpec:
        return queues_of(self.settings)["structured_record"]

    def changed(self, **own: object) -> Settings:
        return self.settings.model_copy(update={"bus": self.settings.bus.model_copy(update=own)})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(
    api: str, rabbit_node: RabbitNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    host, user = f"hospital/{secrets.token_hex(4)}", f"u{secrets.token_hex(4)}"
    url = f"amqp://{user}:secret-{user}@127.0.0.1:{rabbit_node.port}/{quote(host, safe='')}"
    folder: Path = tmp_path_factory.mktemp("administered")
    bus = BusSettings(
        url=url,
        prefix="gpc",
        declare="check",
        management_url=api,
        management_user="guest",
        management_password="guest",
    )
    peer = MllpSettings(peer="mllp://127.0.0.1:1")
    settings = Settings(sandbox=True, state_dir=folder, bus=bus, mllp=peer)
    async with admin(api) as client:
        await done(client, "PUT", f"vhosts/{quote(host, safe='')}")
        await done(client, "PUT", f"users/{user}", {"password": f"secret-{user}", "tags": ""})
        # A worker that declares nothing needs no right to.
        rights = {"configure": "^$", "write": r"^(gpc\.events|amq\.default)$", "read": r"^gpc\."}
        await done(client, "PUT", f"permissions/{quote(host, safe='')}/{user}", rights)
        await done(client, "PUT", f"permissions/{quote(host, safe='')}/guest", dict.fromkeys(rights, ".*"))
        file = folder / "definitions.json"
        file.write_text(json.dumps(topology_of(settings)))
        rabbit_node.control("import_definitions", str(file))
        yield Site(settings, host, user)
        await done(client, "DELETE", f"vhosts/{quote(host, safe='')}")
        await done(client, "DELETE", f"users/{user}")


async def test_what_is_printed_is_imported_found_right_and_worked_on_without_the_right_to_declare(
    site: Site, rabbit_node: RabbitNode
):
    as_guest = site.changed(url=f"{rabbit_node.url}{quote(site.host, safe='')}")
    handed: list[Delivery] = []
    outcomes: list[Disposition] = [RetryAfter(0.1, "again"), Dead("invalid")]

    async def handle(delivery: Delivery) -> Disposition:
        handed.append(delivery)
        return outcomes.pop(0) if outcomes else Done()

    await try_connection(
        site.settings.bus.url or "", prefix="gpc", with_rights=True, administrator=site.settings
    )
    async with open_bus(site.settings) as bus, open_bus(as_guest) as sender:
        assert await administered(bus).look_over(site.queues) == TopologyFound([])
        await have_queues(bus, site.queues)
        await bus.consume(site.work, handle, concurrency=1)
        await sender.send(KEY, b"{}", id="1", content_type="application/json")
        await until(lambda: len(handed) == 2)

        async def is_dead() -> bool:
            return await bus.depth(site.work) == QueueDepth(ready=0, waiting=0, dead=1)

        await until(is_dead)
        assert await bus.ready()
    # Whoever makes them finds them as they would be made.
    making = as_guest.bus.model_copy(update={"declare": "make"})
    async with open_bus(as_guest.model_copy(update={"bus": making})) as bus:
        for queue in site.queues:
            await bus.declare(queue)


async def test_the_rights_of_the_guide_are_enough_for_a_worker_and_it_is_told_who_needs_more(
    site: Site, api: str
):
    async def told(write: str, *, configure: str = "^$") -> tuple[bool, str]:
        async with admin(api) as client:
            rights = {"configure": configure, "write": write, "read": r"^gpc\."}
            await done(client, "PUT", f"permissions/{quote(site.host, safe='')}/{site.user}", rights)
        (check,) = [one for one in await broker_policies(site.settings) if one.what == "rights on the bus"]
        return check.is_good, check.detail

    more = (
        "; for a worker alone: bridge replay run, the console's replays, bridge mllp listen and bridge send"
        " write to gpc.requests too"
    )
    of_a_worker, of_all = r"^(gpc\.events|amq\.default)$", r"^(gpc\.(requests|events)|amq\.default)$"
    assert await told(r"^gpc\.") == (False, "our user may not write amq.default")
    assert await told(of_all, configure=r"^gpc\.") == (True, "enough; wider than needed: configure")
    assert await told(of_all) == (True, "enough, and no wider than needed")
    assert await told(of_a_worker) == (True, f"enough, and no wider than needed{more}")


async def test_what_is_deleted_at_work_ends_the_process_and_is_not_made_again(site: Site, api: str):
    lost = asyncio.Event()
    bus = RabbitBus(site.settings.bus.url or "", prefix="gpc", on_lost=lost.set, watch_interval=0.2)
    bus.leave_declaring(site.settings)
    care = queues_of(site.settings)["care_record"]
    await bus.start()
    await bus.consume(care, Recorder(), concurrency=1)
    async with admin(api) as client:
        await done(client, "DELETE", f"queues/{quote(site.host, safe='')}/{care.name}")
        await lost.wait()
        with pytest.raises(Misconfigured, match=f"queue {care.name}: does not exist"):
            await have_queues(bus, [care])
        await bus.stop(grace=1)
        # As the administrator would, from the same file.
        made = next(one for one in _definitions(site)["queues"] if one["name"] == care.name)
        path = f"queues/{quote(site.host, safe='')}/{care.name}"
        await done(client, "PUT", path, {"durable": True, "arguments": made["arguments"]})
        for binding in _definitions(site)["bindings"]:
            if binding["destination"] == care.name:
                path = f"bindings/{quote(site.host, safe='')}/e/{binding['source']}/q/{care.name}"
                await done(client, "POST", path, {"routing_key": binding["routing_key"]})


def _definitions(site: Site) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(json.dumps(topology_of(site.settings)))
    return found


async def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_made(site: Site, api: str):
    work, host = site.work.name, quote(site.host, safe="")
    made = {each["name"]: each for each in _definitions(site)["queues"]}
    weak = made[work]["arguments"] | {"x-delivery-limit": 3, "x-max-length": 10}
    classic = {"x-queue-type": "classic", "x-message-ttl": 1000, "x-max-length": 10}
    wrong = {
        work: {"durable": True, "arguments": weak | {"x-dead-letter-routing-key": "elsewhere"}},
        f"{work}.dead": {"durable": True, "arguments": classic},
    }
    async with admin(api) as client:
        for name, body in wrong.items():
            await done(client, "DELETE", f"queues/{host}/{name}")
            await done(client, "PUT", f"queues/{host}/{name}", body)
        await done(client, "DELETE", f"queues/{host}/{work}.wait.5s")
        await done(client, "DELETE", f"exchanges/{host}/gpc.events")
        await done(client, "PUT", f"exchanges/{host}/gpc.events", {"type": "fanout", "durable": False})
        async with open_bus(site.settings) as bus:
            with pytest.raises(Misconfigured) as refused:
                await have_queues(bus, site.queues)
        assert list(refused.value.problems) == [
            f"queue {work}.wait.5s: does not exist",
            "exchange gpc.events: durable is false, must be true",
            "exchange gpc.events: type is fanout, must be topic",
            f"queue {work}.dead: x-queue-type is classic, must be quorum",
            f"queue {work}.dead: x-message-ttl is 1000, by which it drops messages: take it away",
            f"queue {work}.dead: x-max-length is 10, by which it drops messages: take it away",
            f"queue {work}: x-dead-letter-routing-key is elsewhere, must be {work}.dead",
            f"queue {work}: x-delivery-limit is 3, must be 20",
            f"queue {work}: is not bound to exchange gpc.requests by key {KEY}",
            "queue gpc.hl7v2_delivery: is not bound to exchange gpc.events by key *.rendered.hl7v2.v1",
        ]
        assert (await client.get(f"queues/{host}/{work}.wait.5s")).status_code == 404
        # AMQP alone tells what is missing, and it is said that it tells no more.
        alone = site.changed(management_url=None)
        away = site.changed(management_url=f"http://127.0.0.1:{free_port()}")
        for settings, why in ((alone, "is not set"), (away, "management API: ConnectError")):
            async with open_bus(settings) as bus:
                found = await administered(bus).look_over(site.queues)
            assert list(found.faults) == [f"queue {work}.wait.5s: does not exist"]
            assert len(found.unchecked) == 1
            assert why in found.unchecked[0]


async def test_the_right_to_publish_events_is_tried_without_one(site: Site, api: str):
    async with admin(api) as client:
        for write, lacking in ((r"^amq\.default$", "gpc.events"), (r"^gpc\.events$", "amq.default")):
            rights = {"configure": "^$", "write": write, "read": r"^gpc\."}
            await done(client, "PUT", f"permissions/{quote(site.host, safe='')}/{site.user}", rights)
            with pytest.raises(NoConnection, match=f"may not write to the exchange '{lacking}'"):
                await try_connection(
                    site.settings.bus.url or "", prefix="gpc", with_rights=True, administrator=site.settings
                )
