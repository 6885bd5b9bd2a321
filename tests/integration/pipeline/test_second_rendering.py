"""A further form of an answer: its messages go out with the events, under ids of their own."""

import asyncio
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from uuid import uuid4

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from bridge.bus import open_bus
from bridge.bus.port import DeadLetter, Delivery
from bridge.contracts.envelope import STRUCTURED
from bridge.engine.http.consumers import add_consumer
from bridge.engine.worker import consuming
from bridge.ledger import request_key
from bridge.operations.dead_letters import dead_letters
from bridge.operations.site import open_queues
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings.fhir_r4.event import R4_RENDERED
from bridge.renderings.rendering import (
    Rendered,
    RenderingOptions,
    RenderingSpec,
    WholeAnswer,
)
from bridge.renderings.table import RENDERINGS
from bridge.sandbox import BY_NAME
from bridge.settings import Settings
from tests.integration.pipeline.test_journal import JournalReader
from tests.support.hospital import Hospital
from tests.support.ports import free_port
from tests.support.published import check
from tests.support.r4 import faults
from tests.support.requests import cloud_event, record_request

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

LIST = "medications.listed.v1"
ENCODED = "medications.encoded.v1"
PLAIN = "text/plain; charset=utf-8"


def as_list(answer: WholeAnswer, _options: RenderingOptions) -> Sequence[Rendered]:
    """The names of the medications, a line each."""
    event = answer.of("medications.published.v1")
    assert event is not None
    lines = "".join(f"{item['medication']['term']}\n" for item in event.data["items"])
    return [Rendered(LIST, answer.id_on(LIST), PLAIN, lines.encode())]


def spec(name, render, *reads) -> RenderingSpec:
    return RenderingSpec(
        name=name, reads=frozenset(reads), topics={LIST: PLAIN, ENCODED: PLAIN}, losses=(), render=render
    )


LISTED = {"list": spec("list", as_list, "medications.published.v1")}


class Reader(Hospital):
    """Reads whatever the topics hold; a request is over when the event that closes a record is there."""

    def is_over(self, correlation_id: str) -> bool:
        ends = {"record.completed.v1", "request.failed.v1"}
        return any(each.key in ends for each in self.deliveries[correlation_id])

    async def messages(self, correlation_id: str) -> Sequence[Delivery]:
        async with asyncio.timeout(40), self.changed:
            await self.changed.wait_for(lambda: self.is_over(correlation_id))
        return self.deliveries[correlation_id]


@asynccontextmanager
async def reader_at(
    settings: Settings,
    *,
    forms: Mapping[str, RenderingSpec] = LISTED,
    switched_on: Iterable[str] | None = None,
):
    """A worker with the further form in its table, switched on, and who reads."""
    async with open_bus(settings) as bus, bus.listen() as events:
        reader = Reader(bus)
        reading = asyncio.create_task(reader.read(events))
        pipelines = installed_pipelines(["structured_record"])
        try:
            async with consuming(
                with_forms(settings, forms if switched_on is None else switched_on),
                pipelines,
                bus,
                renderings=forms,
            ):
                yield reader
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def with_forms(settings: Settings, forms: Iterable[str]) -> Settings:
    return settings.model_copy(update={"renderings": tuple(forms)})


@pytest.fixture
def settings(sandbox, bus_url, tmp_path, monkeypatch) -> Settings:
    environment = sandbox.environment | {
        "BRIDGE_BUS_URL": bus_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(tmp_path),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


async def test_it_is_owed_in_the_transaction_that_ends_the_request_and_goes_out(settings):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    async with reader_at(settings) as reader:
        messages = await reader.messages(await reader.ask(request))
    assert [(each.key, each.content_type) for each in messages] == [
        ("medications.published.v1", "application/cloudevents+json"),
        ("allergies.published.v1", "application/cloudevents+json"),
        (LIST, PLAIN),
        ("record.completed.v1", "application/cloudevents+json"),
    ]
    first, _, listed, completed = messages
    data = orjson.loads(completed.body)["data"]
    check("record.completed.v1", data)
    assert data["renderings"] == [
        {"rendering": "list", "outcome": "rendered", "topic": LIST, "event_id": listed.id}
    ]
    terms = [item["medication"]["term"] for item in orjson.loads(first.body)["data"]["items"]]
    assert listed.body.decode().splitlines() == terms
    assert terms
    async with JournalReader(settings) as journal:
        key = request_key(request["source"], request["id"])
        stored = await journal.ledger.stored_events(key)
        assert [(each.id, each.content_type) for each in stored] == [
            (each.id, each.content_type) for each in messages
        ]
        assert [each.body for each in stored] == [each.body for each in messages]


async def test_a_request_that_comes_again_gets_it_again_under_the_same_id(settings):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    async with reader_at(settings) as reader:
        messages = await reader.messages(await reader.ask(request))
        again = await reader.messages(await reader.ask(request, message_id=f"{request['id']}-again"))
    assert [each.id for each in again] == [each.id for each in messages]


def broken(answer: WholeAnswer, _options: RenderingOptions) -> Sequence[Rendered]:
    """Cannot tell of anything."""
    raise KeyError(answer.last.data)


async def dead_letter(settings: Settings) -> DeadLetter:
    """The only one."""
    async with asyncio.timeout(20), open_queues(settings, ["structured_record"]) as queues:
        while True:
            async with aclosing(dead_letters(queues)) as found:
                letters = [one.dead_letter async for one in found]
            if letters:
                (letter,) = letters
                return letter
            await asyncio.sleep(0.05)


def failures(lines) -> list[str]:
    return [line["event_kind"] for line in lines if line["event"] == "rendering_failed"]


@pytest.mark.parametrize(
    ("scenario", "kind", "state", "why"),
    [
        ("restricted", "request.failed.v1", "failed", ("internal", "rendering: KeyError")),
        (None, "request.rejected.v1", "rejected", ("rejected", "data.patient.nhs_number: ")),
    ],
)
async def test_one_that_cannot_tell_how_a_request_ended_costs_its_own_message_alone(
    settings, scenario, kind, state, why
):
    request = cloud_event(record_request(BY_NAME[scenario].nhs_number if scenario else "9990000019"))
    forms = {"wordless": spec("wordless", broken, "request.failed.v1", "request.rejected.v1")}
    with capture_logs() as lines:
        async with reader_at(settings, forms=forms) as reader:
            await reader.ask(request)
            async with asyncio.timeout(40), reader.changed:
                await reader.changed.wait_for(lambda: reader.deliveries[request["id"]])
            letter = await dead_letter(settings)
        (told,) = reader.deliveries[request["id"]]
    assert told.key == kind
    assert (letter.reason, letter.detail.startswith(why[1])) == (why[0], True)
    # Once: it was not tried again, and nothing waits.
    assert failures(lines) == [kind]
    assert [line["event"] for line in lines].count("request_handled") == 1
    assert request["data"]["patient"]["nhs_number"] not in str(lines)
    async with JournalReader(settings) as journal:
        history = await journal.ledger.oversight.request_history(
            history_key := request_key(request["source"], request["id"])
        )
        assert history is not None
        assert history.state == state
        assert [each.id for each in await journal.ledger.stored_events(history_key)] == [told.id]


async def test_one_that_cannot_tell_the_answer_costs_itself_alone_and_the_manifest_says_so(settings):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    forms = {"broken": spec("broken", broken, "medications.published.v1")}
    with capture_logs() as lines:
        async with reader_at(settings, forms=forms) as reader:
            messages = await reader.messages(await reader.ask(request))
    assert [each.key for each in messages] == [
        "medications.published.v1",
        "allergies.published.v1",
        "record.completed.v1",
    ]
    assert orjson.loads(messages[-1].body)["data"]["renderings"] == [
        {"rendering": "broken", "outcome": "withheld", "reason": "internal_error", "detail": "KeyError"}
    ]
    assert failures(lines) == ["record.completed.v1"]
    assert [line["outcome"] for line in lines if line["event"] == "request_handled"] == ["completed"]


async def test_a_large_one_is_left_in_the_vault_as_the_bytes_it_is(settings, tmp_path, monkeypatch):
    port, file = free_port(), tmp_path / "consumers"
    token = add_consumer(file, "epr-1")
    claims = {
        "URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "ABOVE_BYTES": "1024",
        "CONSUMERS_FILE": str(file),
    }
    for name, value in claims.items():
        monkeypatch.setenv(f"BRIDGE_CLAIMS_{name}", value)
    settings = Settings.load()

    def repeated(answer: WholeAnswer, options: RenderingOptions) -> Sequence[Rendered]:
        """Many lists, as the bytes they are, and in an event that has them in base64."""
        (listed,) = as_list(answer, options)
        body = listed.body * 100
        event = answer.attributes(ENCODED, media_type=PLAIN) | {"data_base64": b64encode(body).decode()}
        return [
            Rendered(LIST, listed.id, PLAIN, body),
            Rendered(ENCODED, event["id"], STRUCTURED, orjson.dumps(event)),
        ]

    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    async with open_bus(settings) as bus, bus.listen() as events:
        reader = Reader(bus)
        reading = asyncio.create_task(reader.read(events))
        forms = {"list": spec("list", repeated, "medications.published.v1")}
        pipelines = installed_pipelines(["structured_record"])
        async with consuming(with_forms(settings, forms), pipelines, bus, renderings=forms):
            messages = await reader.messages(await reader.ask(request))
            references = {each.key: each for each in messages if each.key in (LIST, ENCODED)}
            found = {topic: orjson.loads(each.body) for topic, each in references.items()}
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}) as client:
                answers = {topic: await client.get(event["dataref"]) for topic, event in found.items()}
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert answers[LIST].content == answers[ENCODED].content
    for topic, event in found.items():
        assert references[topic].content_type == "application/cloudevents+json"
        assert (event["id"], event["datacontenttype"]) == (references[topic].id, PLAIN)
        assert event["type"].endswith(topic)
        assert {"data", "data_base64"}.isdisjoint(event)
        assert answers[topic].headers["content-type"] == PLAIN
        assert len(answers[topic].content) == event["datasize"] > 1024


async def test_a_record_in_r4_that_is_asked_for_waits_in_the_vault_where_it_is_large(
    settings, tmp_path, monkeypatch
):
    port, file = free_port(), tmp_path / "consumers"
    token = add_consumer(file, "epr-1")
    claims = {"URL": f"http://127.0.0.1:{port}", "PORT": str(port), "ABOVE_BYTES": "8192"}
    for name, value in (claims | {"CONSUMERS_FILE": str(file)}).items():
        monkeypatch.setenv(f"BRIDGE_CLAIMS_{name}", value)
    settings = Settings.load()
    nhs_number = BY_NAME["rich_record"].nhs_number
    request = cloud_event(record_request(nhs_number, renderings=["r4"]))
    async with reader_at(settings, forms=RENDERINGS, switched_on=()) as reader:
        messages = await reader.messages(await reader.ask(request))
        reference = next(each for each in messages if each.key == R4_RENDERED)
        event = orjson.loads(reference.body)
        async with httpx.AsyncClient() as client:
            answer = await client.get(event["dataref"], headers={"authorization": f"Bearer {token}"})
        completed = orjson.loads(messages[-1].body)
    assert [each.key for each in messages].index(R4_RENDERED) == len(messages) - 2
    assert answer.headers["content-type"] == event["datacontenttype"] == "application/fhir+json"
    assert nhs_number not in str(event)
    bundle = orjson.loads(answer.content)
    check(R4_RENDERED, bundle)
    assert faults(bundle, seen=set()) == []
    assert completed["data"]["renderings"] == [
        {"rendering": "r4", "outcome": "rendered", "topic": R4_RENDERED, "event_id": reference.id}
    ]
    assert bundle["id"] == completed["data"]["snapshot_id"]
