"""What foreign clients send over AMQP 1.0, as RabbitMQ hands it to the worker: understood, or refused with advice.

The table of `deploy/README.md` is held to it, a column for each client and release; ``AMQP10=write`` writes the
columns that are seen. The gate sees Qpid Proton on the release that the machine has, ``FAULTS=whole`` rhea as well.
"""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from structlog.testing import capture_logs

from bridge.areas.requests import RecordRequest
from bridge.bus.port import Delivery, Disposition, Done, QueueDepth, RetryAfter
from bridge.contracts.envelope import read_envelope
from bridge.errors import RequestRejected
from tests.integration.bus.conformance import Recorder, send, started
from tests.support import amqp10
from tests.support.brokers import RabbitNode
from tests.support.bus_sites import KEY, RabbitSite, until
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.rabbit

GUIDE = Path(__file__).parents[4] / "deploy" / "README.md"
BEGIN, END = "<!-- AMQP 1.0: a test holds this to the brokers -->", "<!-- end of AMQP 1.0 -->"
WHOLE = os.environ.get("FAULTS") == "whole"
CLIENTS = ["proton", pytest.param("rhea", marks=pytest.mark.skipif(not WHOLE, reason="FAULTS=whole"))]
DATA = record_request()
STRUCTURED = "application/cloudevents+json"
TIME = 1_700_000_000_000
UUID = "6a1f7a5e-3d6b-4c1e-9a51-0c5f3b1d2e77"


def _event(name: str) -> str:
    return json.dumps(cloud_event(DATA, id=name))


def _attributes(name: str, prefix: str) -> dict[str, Any]:
    own = {"specversion": "1.0", "id": name, "source": "/epr/test", "type": KEY, "time": TIME}
    return {f"{prefix}{attribute}": value for attribute, value in own.items()}


def _binary(name: str, how: str, prefix: str = "cloudEvents:") -> dict[str, Any]:
    properties = _attributes(name, prefix)
    return {"as": how, "body": json.dumps(DATA), "content_type": "application/json", "properties": properties}


ROWS: dict[str, dict[str, Any]] = {
    "structured mode, in a data section": {
        "as": "data", "body": _event("structured-data"), "content_type": STRUCTURED
    },
    "structured mode, as a text (JMS `TextMessage`)": {
        "as": "text", "body": _event("structured-text"), "content_type": STRUCTURED
    },
    "structured mode, as bytes in a value": {
        "as": "value", "body": _event("structured-value"), "content_type": STRUCTURED
    },
    "binary mode (`cloudEvents:`), in a data section": _binary("binary-data", "data"),
    "binary mode (`cloudEvents:`), as a text": _binary("binary-text", "text"),
    "binary mode (`cloudEvents_`), in a data section": _binary("binary-low", "data", "cloudEvents_"),
    "bare JSON, the message id a text": {"as": "data", "body": json.dumps(DATA), "id": "bare-text"},
    "bare JSON, the message id a UUID": {"as": "data", "body": json.dumps(DATA), "uuid": UUID},
    "bare JSON without a message id": {"as": "data", "body": json.dumps(DATA)},
    "an object, as a map (JMS `MapMessage`)": {"as": "map", "body": DATA, "id": "map"},
}  # fmt: skip


@dataclass
class Broker:
    """The broker, with a queue of its own, as both protocols know it."""

    site: RabbitSite
    release: int

    @property
    def target(self) -> str:
        return amqp10.target(self.release, f"{self.site.prefix}.requests", KEY)


@pytest.fixture(scope="session")
def speaking(request: pytest.FixtureRequest, rabbit_url: str) -> str:
    """The broker, once it speaks AMQP 1.0: release 4 does without the plug-in, one that is named must by itself."""
    if "BRIDGE_TEST_AMQP_URL" not in os.environ:
        node: RabbitNode = request.getfixturevalue("rabbit_node")
        node.enable("rabbitmq_amqp1_0")
    return rabbit_url


@pytest.fixture
async def broker(speaking: str, site: RabbitSite) -> Broker:
    assert site.url == speaking
    return Broker(site, await amqp10.release_of(site.url))


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


async def sent(broker: Broker, client: str, modules: Path, *messages: dict[str, Any]) -> list[str]:
    return await asyncio.to_thread(amqp10.send, client, broker.site.url, broker.target, messages, modules)


def read(delivery: Delivery) -> tuple[str, str]:
    """The request's id, and that it is understood; or the message's, and which field it is refused for."""
    try:
        incoming = read_envelope(
            delivery.body,
            message_id=delivery.id if delivery.is_named else None,
            key=delivery.key,
            content_type=delivery.content_type,
            correlation_id=delivery.correlation_id,
            headers=delivery.headers,
        )
        incoming.request(RecordRequest)
    except RequestRejected as refused:
        return delivery.id, f"refused: {refused}"
    return incoming.request_id, "understood"


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_arrives_is_understood_or_refused_with_advice(
    broker: Broker, client: str, modules: Path
) -> None:
    handler = Recorder()
    async with started(broker.site.bus(), broker.site, handler):
        assert set(await sent(broker, client, modules, *ROWS.values())) == {"accepted"}
        deliveries = await handler.saw(len(ROWS))
    # They come as they were sent: one queue, one sender.
    seen = dict(zip(ROWS, map(read, deliveries), strict=True))
    understood = {row: name for row, (name, how) in seen.items() if how == "understood"}
    refused = {row: how for row, (_, how) in seen.items() if how != "understood"}
    assert [*understood.values()] == [
        *(
            "structured-data",
            "structured-text",
            "structured-value",
            "binary-data",
            "binary-text",
            "binary-low",
        ),
        *("bare-text", f"urn:uuid:{UUID}"),
    ]
    assert refused["bare JSON without a message id"] == (
        "refused: message id: is required of a request without an envelope: new each time"
    )
    assert refused["an object, as a map (JMS `MapMessage`)"] == (
        "refused: body: is framed as AMQP 1.0: send the JSON as a data section, or as one text or binary value"
    )
    told = {
        row: how.partition(": is ")[0].replace("refused: ", "refused: `", 1) for row, (_, how) in seen.items()
    }
    cells = {row: f"{how}`" if how.startswith("refused") else how for row, how in told.items()}
    held_to_the_guide(f"{client}, RabbitMQ {broker.release}", cells)


@pytest.mark.parametrize("client", CLIENTS)
async def test_types_of_application_properties_are_texts(broker: Broker, client: str, modules: Path) -> None:
    message = _binary("typed", "data") | {
        "properties": {**_attributes("typed", "cloudEvents:"), "n": 5, "yes": True}
    }
    message["properties"] |= {"half": 1.5, "x-attempt": "7", "x-original-key": "elsewhere"}
    handler = Recorder(RetryAfter(0.1, "again"), Done())
    async with started(broker.site.bus(), broker.site, handler):
        await sent(broker, client, modules, message)
        first, second = await handler.saw(2)
    assert {name: first.headers[name] for name in ("n", "yes", "half", "cloudEvents:time")} == {
        "n": "5",
        "yes": "true",
        "half": "1.5",
        "cloudEvents:time": "2023-11-14T22:13:20+00:00",
    }
    # The bus's own headers are the bus's, wherever a sender writes them; and a copy carries the rest.
    assert (first.attempt, first.key) == (1, KEY)
    assert (second.attempt, second.key) == (2, KEY)
    assert {name: value for name, value in second.headers.items() if not name.startswith("x-")} == {
        name: value for name, value in first.headers.items() if not name.startswith("x-")
    }


async def test_the_broker_counts_how_often_it_handed_such_a_message_over(
    broker: Broker, modules: Path
) -> None:
    """A receiver over AMQP 1.0 is told 0 (release 3); the worker is not."""
    async with started(broker.site.bus(), broker.site):
        await sent(broker, "proton", modules, ROWS["structured mode, as a text (JMS `TextMessage`)"])
        for _ in range(3):
            async with await aio_pika.connect(broker.site.url) as connection:
                channel = await connection.channel()
                queue = await channel.get_queue(broker.site.queue.name)
                taken = await queue.get(fail=False)
                while taken is None:
                    taken = await queue.get(fail=False)
                await taken.nack(requeue=True)
    async with started(broker.site.bus(), broker.site, handler := Recorder()):
        [delivery] = await handler.saw(1)
    assert delivery.deliveries == 4


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_unroutable_message_is_told_by_release_4_alone(
    broker: Broker, client: str, modules: Path
) -> None:
    async with started(broker.site.bus(), broker.site):
        target = amqp10.target(broker.release, f"{broker.site.prefix}.requests", "nobody.v1")
        message = {"as": "data", "body": "{}"}
        ends = await asyncio.to_thread(amqp10.send, client, broker.site.url, target, [message], modules)
    assert ends == (["accepted"] if broker.release == 3 else ["released"])


POISON: dict[str, dict[str, Any]] = {
    "a content type of more than 255 bytes": {"id": "poison", "content_type": "x/" + "y" * 300},
    "a message id that is a number": {"id": 5},  # release 4 makes a text of it
}
"""What has no place in AMQP 0-9-1, and ends the connection of its receiver."""
BESIDE = 8


async def _arrives(broker: Broker, modules: Path, properties: dict[str, Any]) -> None:
    """Release 4 makes a text of it: it is worked on like any other."""
    async with started(broker.site.bus(), broker.site, handler := Recorder()):
        await sent(broker, "proton", modules, {"as": "data", "body": "{}", **properties})
        [delivery] = await handler.saw(1)
    assert delivery.id == str(properties["id"])


@pytest.mark.skipif(not WHOLE, reason="twenty lost connections take a while: FAULTS=whole")
@pytest.mark.parametrize("poison", POISON)
async def test_what_the_broker_cannot_hand_over_is_parked_alone_and_the_rest_goes_on(
    broker: Broker, modules: Path, poison: str
) -> None:
    if broker.release > 3 and "number" in poison:
        await _arrives(broker, modules, POISON[poison])
        return
    runs: Counter[str] = Counter()

    async def handler(delivery: Delivery) -> Disposition:
        runs[delivery.id] += 1
        await asyncio.sleep(3)  # through several lost connections
        return Done()

    with capture_logs() as logs:
        async with started(broker.site.bus(), broker.site) as sender:
            for number in range(BESIDE):
                await send(sender, number)
                if number == BESIDE // 2:
                    await sent(broker, "proton", modules, {"as": "data", "body": "{}", **POISON[poison]})
            async with started(
                broker.site.bus(watch_interval=2), broker.site, handler, concurrency=20
            ) as bus:
                await until(lambda: _dead(sender, broker.site))
                await until(lambda: "taken_together_again" in _events(logs))
                await until(bus.ready)
                await until(lambda: "letters_not_seen_to" in _events(logs))
                await send(sender, BESIDE)
                await until(lambda: len(runs) == BESIDE + 1 and _nothing_but_one_dead(sender, broker.site))
    assert {*runs.values()} == {1}
    assert "taken_one_by_one" in _events(logs)
    assert "letter_taken_up_again" not in _events(logs)


def _events(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [line["event"] for line in logs]


async def _nothing_but_one_dead(bus: Any, site: RabbitSite) -> bool:
    return bool(await bus.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=1))


async def _dead(bus: Any, site: RabbitSite) -> bool:
    return bool((await bus.depth(site.queue)).dead)


def held_to_the_guide(column: str, cells: dict[str, str]) -> None:
    """Compare a column of the guide's table; ``AMQP10=write`` writes it, and leaves the others."""
    text = GUIDE.read_text(encoding="utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0]
    heads, *rows = [_cells(line) for line in table.strip().splitlines() if not re.match(r"\|[-|]+\|$", line)]
    columns = heads[1:]
    found = {row: dict(zip(columns, values, strict=True)) for row, *values in rows}
    if os.environ.get("AMQP10") == "write":
        columns = columns if column in columns else sorted([*columns, column])
        lines = [["How the request is sent", *columns], ["---"] * (len(columns) + 1)]
        for row, cell in cells.items():
            kept = found.get(row, {}) | {column: cell}
            lines.append([row, *(kept.get(one, "not tried") for one in columns)])
        written = "\n".join(_line(line) for line in lines)
        GUIDE.write_text(text.replace(table, f"\n{written}\n"), encoding="utf-8")
    else:
        assert {row: values.get(column) for row, values in found.items()} == cells, (
            "make it true with AMQP10=write"
        )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _line(cells: list[str]) -> str:
    return f"|{'|'.join(cells)}|" if cells[0] == "---" else f"| {' | '.join(cells)} |"
