"""A second form of what is published: its messages go out with the first one's, under ids of their own."""

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import orjson
import pytest

from bridge.bus import open_bus
from bridge.bus.port import Delivery
from bridge.engine.http.consumers import add_consumer
from bridge.engine.worker import consuming
from bridge.ledger import request_key
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings.rendering import OutgoingEvent, Rendered
from bridge.renderings.table import RENDERINGS
from bridge.sandbox import BY_NAME
from bridge.settings import Settings
from tests.integration.pipeline.test_books import Books
from tests.support.hospital import Hospital
from tests.support.ports import free_port
from tests.support.requests import cloud_event, record_request

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

LIST = "medications.listed.v1"
PLAIN = "text/plain; charset=utf-8"


def as_list(event: OutgoingEvent) -> Sequence[Rendered]:
    """The names of the medications, a line each; of no other event anything."""
    if event.kind != "medications.published.v1":
        return []
    lines = "".join(f"{item['medication']['term']}\n" for item in event.data["items"])
    return [Rendered(LIST, event.id_on(LIST), PLAIN, lines.encode())]


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
async def reader_at(settings: Settings):
    """A worker with the second form in its table, and who reads."""
    async with open_bus(settings) as bus, bus.listen() as events:
        reader = Reader(bus)
        reading = asyncio.create_task(reader.read(events))
        pipelines = installed_pipelines(["structured_record"])
        forms = [*RENDERINGS.values(), as_list]
        try:
            async with consuming(settings, pipelines, bus, renderings=forms):
                yield reader
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


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
        (LIST, PLAIN),
        ("allergies.published.v1", "application/cloudevents+json"),
        ("record.completed.v1", "application/cloudevents+json"),
    ]
    first, listed, *_ = messages
    assert listed.id != first.id
    terms = [item["medication"]["term"] for item in orjson.loads(first.body)["data"]["items"]]
    assert listed.body.decode().splitlines() == terms
    assert terms
    async with Books(settings) as books:
        key = request_key(request["source"], request["id"])
        stored = await books.ledger.stored_events(key)
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

    def repeated(event: OutgoingEvent) -> Sequence[Rendered]:
        return [Rendered(each.topic, each.id, each.media_type, each.body * 100) for each in as_list(event)]

    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    async with open_bus(settings) as bus, bus.listen() as events:
        reader = Reader(bus)
        reading = asyncio.create_task(reader.read(events))
        forms = [*RENDERINGS.values(), repeated]
        async with consuming(settings, installed_pipelines(["structured_record"]), bus, renderings=forms):
            messages = await reader.messages(await reader.ask(request))
            reference = next(each for each in messages if each.key == LIST)
            event = orjson.loads(reference.body)
            async with httpx.AsyncClient() as client:
                answer = await client.get(event["dataref"], headers={"authorization": f"Bearer {token}"})
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert reference.content_type == "application/cloudevents+json"
    assert (event["id"], event["datacontenttype"]) == (reference.id, PLAIN)
    assert event["type"].endswith(LIST)
    assert "data" not in event
    assert answer.headers["content-type"] == PLAIN
    assert len(answer.content) == event["datasize"] > 1024
