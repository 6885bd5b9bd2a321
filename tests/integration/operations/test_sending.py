"""A request is put on the bus and its answers are heard, as any face would have it done."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from bridge.bus.port import Bus
from bridge.operations.sending import (
    HeardEvent,
    NotTaken,
    OutgoingRequest,
    RequestSender,
    Unattended,
    open_sender,
)
from tests.support.bus_sites import KEY, NatsSite
from tests.support.operators import MendableHandler, Operator, bus_with

PREFIX = "uk.nhs.gpconnect"


@pytest.fixture
async def site(nats_url: str) -> AsyncIterator[NatsSite]:
    async with NatsSite.open(nats_url) as opened:
        yield opened


@pytest.fixture
def operator(site: NatsSite, tmp_path: Path) -> Operator:
    return Operator(tmp_path, site.url, site.prefix)


def request(**attributes: str) -> OutgoingRequest:
    body = json.dumps({"specversion": "1.0", "id": "r-1", "type": f"{PREFIX}.{KEY}"} | attributes)
    return OutgoingRequest.of(body.encode(), type_prefix=PREFIX)


async def tell(bus: Bus, kind: str, sequence: str, about: str = "r-1") -> None:
    numbered = {"sequence": sequence} if sequence else {}
    body = orjson.dumps({"type": f"{PREFIX}.{kind}", **numbered})
    await bus.publish(kind, body, id=f"{kind} {sequence}", content_type="x", correlation_id=about)


async def heard(sender: RequestSender) -> list[tuple[str, str]]:
    answers: list[HeardEvent] = [answer async for answer in sender.answers("r-1")]
    return [(answer.event["type"].removeprefix(f"{PREFIX}."), answer.so_far) for answer in answers]


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        ({"type": f"{PREFIX}.slots.requested.v1"}, "slots.requested.v1"),
        ({"type": "org.elsewhere.slots.requested.v1"}, "slots.requested.v1"),
        ({"type": ""}, KEY),
    ],
)
def test_a_request_goes_where_its_type_says(attributes: dict[str, str], key: str):
    made = request(**attributes)
    assert (made.key, made.id, made.correlation_id) == (key, "r-1", "r-1")
    assert made.content_type == "application/cloudevents+json"
    assert request(**attributes, correlationid="c-1").correlation_id == "c-1"
    named = OutgoingRequest.of(made.body, type_prefix=PREFIX, key="own.requested.v1")
    assert named.key == "own.requested.v1"


def test_data_alone_gets_an_id():
    made, again = (OutgoingRequest.of(b'{"patient": {}}', type_prefix=PREFIX) for _ in range(2))
    assert (made.key, made.content_type, made.correlation_id) == (KEY, "application/json", made.id)
    assert made.id != again.id


@pytest.mark.nats
async def test_what_no_worker_takes_is_not_sent_unless_it_is_to_wait(site: NatsSite, operator: Operator):
    async with bus_with(site, None):
        pass  # its queue is there from now on
    async with open_sender(operator.settings) as sender:
        with pytest.raises(Unattended, match=KEY):
            await sender.send(request())
        await sender.send(request(), unattended=True)
        with pytest.raises(NotTaken, match="unroutable"):
            await sender.send(request(type=f"{PREFIX}.unheard.requested.v1"))
    handler = MendableHandler()
    handler.is_mended = True
    async with bus_with(site, handler), asyncio.timeout(20):
        while handler.ids != ["r-1"]:
            await asyncio.sleep(0.02)


@pytest.mark.nats
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("a.v1", "1/2"), ("b.v1", "2/2")], [("a.v1", "open"), ("b.v1", "done")]),
        (  # a rendering's message is not counted among the events
            [("a.v1", "1/2"), ("a.rendered.r4.v1", ""), ("b.v1", "2/2")],
            [("a.v1", "open"), ("a.rendered.r4.v1", "open"), ("b.v1", "done")],
        ),
        ([("request.failed.v1", "1/1")], [("request.failed.v1", "no")]),
        (
            [("appointment.in_doubt.v1", "1/1"), ("appointment.refused.v1", "1/1")],
            [("appointment.in_doubt.v1", "open"), ("appointment.refused.v1", "no")],
        ),
    ],
)
async def test_answers_are_heard_to_the_last_one(
    site: NatsSite, operator: Operator, told: list[tuple[str, str]], expected: list[tuple[str, str]]
):
    async with bus_with(site, MendableHandler()) as bus, open_sender(operator.settings) as sender:
        await tell(bus, "request.failed.v1", "1/1", about="r-2")
        for kind, sequence in told:
            await tell(bus, kind, sequence)
        async with asyncio.timeout(20):
            assert await heard(sender) == expected
