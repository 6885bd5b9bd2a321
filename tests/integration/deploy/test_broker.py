"""The broker set-up of deploy/rabbitmq, on a real node: it boots, and each account can do its part and no more."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.exceptions import AMQPError

from bridge.bus.port import Delivery, Disposition, Done, QueueSpec
from bridge.bus.rabbit.bus import RabbitBus
from bridge.bus.rabbit.topology import DELAYS, Topology
from tests.support.brokers import RabbitNode

DEPLOY = Path(__file__).parents[3] / "deploy" / "rabbitmq"
WORK = QueueSpec("gpconnect.structured_record", ("record.requested.v1",))
HOST = "hospital.gpc"
PASSWORDS = {"bridge": "of the bridge", "epr": "of the epr"}

pytestmark = [pytest.mark.rabbit, pytest.mark.timeout(600)]


class Broker(RabbitNode):
    """A node with the configuration that operators get."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        config = (DEPLOY / "rabbitmq.conf").read_text(encoding="utf-8")
        with (directory / "rabbitmq.conf").open("a", encoding="utf-8") as file:
            file.writelines(line for line in config.splitlines(keepends=True) if "listeners" not in line)

    def set_up(self, passwords: Path, *options: str) -> None:
        command = ["sh", str(DEPLOY / "setup.sh"), *options, str(DEPLOY / "definitions.json"), str(passwords)]
        subprocess.run(
            command,
            env=self.environment(),
            check=True,
            capture_output=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )

    def definitions(self) -> dict[str, list[dict[str, Any]]]:
        """Everything the node is told to have, in a stable order and without what a password changes."""
        exported = json.loads(self.control("export_definitions", "-"))
        for user in exported["users"]:
            del user["password_hash"]
        lists = {kind: value for kind, value in exported.items() if isinstance(value, list)}
        return {kind: sorted(value, key=repr) for kind, value in lists.items()}

    def url_of(self, user: str, password: str | None = None) -> str:
        secret = (password or PASSWORDS[user]).replace(" ", "%20")
        return f"amqp://{user}:{secret}@127.0.0.1:{self.port}/{HOST}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    directory = tmp_path_factory.mktemp("broker")
    node = Broker(directory)
    node.start()
    try:
        (directory / "passwords").mkdir()
        for user, password in PASSWORDS.items():
            (directory / "passwords" / f"{user}_password").write_text(password)
        node.set_up(directory / "passwords", "--vhost", HOST, "--sample-queue")
        yield node
    finally:
        node.close()


async def test_a_request_of_the_epr_is_worked_on_and_its_event_reaches_the_epr(broker: Broker):
    bus = RabbitBus(broker.url_of("bridge"))

    async def answer(delivery: Delivery) -> Disposition:
        await bus.publish("record.completed.v1", delivery.body, id="event-1", content_type="text/plain")
        return Done()

    await bus.start()
    await bus.declare(WORK)
    await bus.consume(WORK, answer, concurrency=1)
    async with await aio_pika.connect(broker.url_of("epr")) as connection:
        channel = await connection.channel()
        requests = await channel.get_exchange("gpconnect.requests", ensure=False)
        await requests.publish(aio_pika.Message(b"a request", message_id="1"), "record.requested.v1")
        queue = await channel.get_queue("epr.gpconnect", ensure=False)
        async with queue.iterator() as messages:
            event = await anext(messages)
            await event.ack()
    await bus.stop(grace=10)
    assert (event.body, event.routing_key) == (b"a request", "record.completed.v1")


async def test_an_operator_can_listen_with_the_account_of_the_bridge(broker: Broker):
    bus = RabbitBus(broker.url_of("bridge"))
    await bus.start()
    async with bus.listen() as events:
        await bus.publish("request.failed.v1", b"an event", id="event-2", content_type="text/plain")
        heard = await anext(events)
    await bus.stop(grace=10)
    assert (heard.body, heard.key) == (b"an event", "request.failed.v1")


async def test_the_epr_cannot_read_requests_nor_forge_events(broker: Broker):
    async with await aio_pika.connect(broker.url_of("epr")) as connection:
        for name, forbidden in (("read", _read_dead_letters), ("forge", _forge_event)):
            channel = await connection.channel()
            with pytest.raises(AMQPError):
                await forbidden(channel)
            assert channel.is_closed, name


async def _read_dead_letters(channel: aio_pika.abc.AbstractChannel) -> None:
    queue = await channel.get_queue("gpconnect.structured_record.dead", ensure=False)
    await queue.get()


async def _forge_event(channel: aio_pika.abc.AbstractChannel) -> None:
    events = await channel.get_exchange("gpconnect.events", ensure=False)
    await events.publish(aio_pika.Message(b"forged"), "record.completed.v1")


def test_running_it_again_changes_passwords_and_what_it_is_told_to_and_nothing_else(
    broker: Broker, tmp_path: Path
):
    before = broker.definitions()
    assert {user["name"] for user in before["users"]} == {"guest", *PASSWORDS}
    for user, password in PASSWORDS.items():
        (tmp_path / f"{user}_password").write_text(f"new {password}")
    broker.set_up(tmp_path, "--delete-guest")  # on the virtual host that every node has
    after = broker.definitions()
    assert {user["name"] for user in after["users"]} == set(PASSWORDS)
    for kind in ("exchanges", "policies", "permissions"):
        ours = [entry for entry in before[kind] if entry.get("user") != "guest"]
        assert [entry for entry in after[kind] if entry["vhost"] == HOST] == ours
        assert [entry | {"vhost": HOST} for entry in after[kind] if entry["vhost"] == "/"] == ours
    assert [queue["name"] for queue in after["queues"] if queue["vhost"] == "/"] == []
    assert [queue for queue in after["queues"] if queue["vhost"] == HOST] == before["queues"]
    assert "Success" in broker.control("authenticate_user", "epr", "new of the epr")


def test_its_exchanges_are_those_that_a_worker_would_make():
    definitions = json.loads((DEPLOY / "definitions.json").read_text(encoding="utf-8"))
    made = Topology("gpconnect", DELAYS).definitions([], "/")
    assert definitions["exchanges"] == made["exchanges"]


@pytest.mark.parametrize(
    "wrong", [[], ["--vhost"], ["--host", "x"], ["--vhost", 'a"b', "x", "y"], ["--vhost", "", "x", "y"]]
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(wrong: list[str]):
    done = subprocess.run(
        ["sh", str(DEPLOY / "setup.sh"), *wrong], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr


def test_no_bound_discards_silently(broker: Broker):
    policies = [policy["definition"] for policy in broker.definitions()["policies"]]
    assert {policy["overflow"] for policy in policies} == {"reject-publish"}


def test_the_guide_names_the_permissions(broker: Broker):
    guide = (DEPLOY.parent / "README.md").read_text(encoding="utf-8").replace("\\|", "|")
    for granted in broker.definitions()["permissions"]:
        if granted["user"] not in PASSWORDS:
            continue
        patterns = [granted[kind] for kind in ("configure", "write", "read")]
        cells = ["nothing" if pattern == "^$" else f"`{pattern}`" for pattern in patterns]
        assert f"| `{granted['user']}` | {' | '.join(cells)} |" in guide


def test_a_whole_record_fits_into_a_message(broker: Broker):
    assert "{max_message_size,67108864}" in broker.control("environment")
