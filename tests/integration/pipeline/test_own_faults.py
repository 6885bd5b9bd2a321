"""A hospital's own pipeline that fails in a way nobody foresaw: each such request ends where it is seen."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from pydantic import field_validator
from structlog.testing import capture_logs

from bridge.bus import open_bus
from bridge.bus.port import Bus, Delivery
from bridge.cli.site import open_books
from bridge.contracts.envelope import STRUCTURED
from bridge.contracts.events import Event
from bridge.contracts.requests import RecordRequest
from bridge.engine import Context, Pipeline, pipeline
from bridge.engine.case import read_case
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.worker import consuming
from bridge.ledger import Started, open_ledger
from bridge.ledger.aes_gcm import AesGcmSealer
from bridge.ledger.keys import open_keys
from bridge.sandbox import BY_NAME
from bridge.settings import Settings
from tests.support.hospital import Hospital, hospital_on
from tests.support.requests import cloud_event, record_request

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.rabbit]


@pipeline(name="careless", accepts="careless.requested.v1", request=RecordRequest, publishes={})
async def careless(request: RecordRequest, gp: Context) -> list[Event]:
    """Says in its error what it should not."""
    patient = await gp.trace()
    raise KeyError(f"{patient.family_name} {patient.nhs_number}")


class Strict(RecordRequest):
    """A request whose own check is broken."""

    @field_validator("patient")
    @classmethod
    def known(cls, patient: Any) -> Any:
        raise RuntimeError(f"no such patient: {patient.nhs_number}")


@pipeline(name="strict", accepts="strict.requested.v1", request=Strict, publishes={})
async def strict(_request: Strict, _gp: Context) -> list[Event]:
    """Never runs."""
    raise AssertionError("a request that cannot be read reached its handler")


ran: list[str] = []


@pipeline(name="deadly", accepts="deadly.requested.v1", request=RecordRequest, publishes={})
async def deadly(_request: RecordRequest, gp: Context) -> list[Event]:
    """Took its worker with it before, and would do so again."""
    ran.append(gp.request_id)
    raise ValueError


@dataclass
class Site:
    """A hospital and its bus; the worker is started by the test."""

    settings: Settings
    bus: Bus
    hospital: Hospital

    async def failure(self, pipeline: Pipeline, request: dict[str, Any]) -> dict[str, Any]:
        """What is told of a request that fails, once its message is the only one among the dead letters."""
        (accepted,) = pipeline.operations
        asked = await self.hospital.ask(request, key=accepted.accepts)
        ((kind, event),) = await self.hospital.outcome(asked)
        assert (kind, event["data"]["code"], event["data"]["stage"]) == (
            "request.failed.v1",
            "internal",
            "engine",
        )
        async with asyncio.timeout(10):
            while (await self.bus.depth(pipeline.queue(self.settings.bus.prefix))).dead != 1:
                await asyncio.sleep(0.05)
        return event

    async def reason(self, pipeline: Pipeline) -> str:
        """Why the one dead letter is dead."""
        async with self.bus.letters(pipeline.queue(self.settings.bus.prefix)) as letters:
            (reason,) = [parked.letter.reason async for parked in letters]
        return reason


@pytest.fixture
def settings(sandbox, rabbit_url, tmp_path, monkeypatch):
    environment = sandbox.environment | {
        "BRIDGE_BUS_URL": rabbit_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:12]}",
        "BRIDGE_STATE_DIR": str(tmp_path),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def _at(moment: datetime) -> datetime:
    return moment


@asynccontextmanager
async def site_with(settings, pipeline):
    async with (
        open_bus(settings) as bus,
        hospital_on(bus) as hospital,
        consuming(settings, [pipeline], bus),
    ):
        yield Site(settings, bus, hospital)


async def test_it_fails_visibly_is_parked_and_says_nothing_of_the_patient(settings):
    patient = BY_NAME["rich_record"]
    with capture_logs() as lines:
        async with site_with(settings, careless) as site:
            event = await site.failure(careless, cloud_event(record_request(patient.nhs_number)))
    (failed,) = [line for line in lines if line["event"] == "handler_failed"]
    assert failed["error"] == "KeyError"
    assert "careless" in failed["at"][-1]
    said = json.dumps([lines, event], default=str)
    assert patient.person.family not in said
    assert patient.nhs_number not in said


@pytest.mark.duty("JO-033")
async def test_a_request_that_nobody_can_read_ends_with_a_row_an_event_and_a_letter(settings):
    patient = BY_NAME["rich_record"].nhs_number
    with capture_logs() as lines:
        async with site_with(settings, strict) as site:
            event = await site.failure(strict, cloud_event(record_request(patient)))
            assert await site.reason(strict) == "unreadable"
    (failed,) = [line for line in lines if line["event"] == "reading_failed"]
    assert (failed["error"], failed["at"][-1].endswith(" known")) == ("RuntimeError", True)
    assert patient not in json.dumps([lines, event], default=str)
    async with open_books(settings) as books:
        history = await books.ledger.request(f"unreadable {event['causationid']}")
    assert history is not None
    assert (history.state, history.code, len(history.events)) == ("failed", "internal", 1)


@pytest.mark.parametrize(("lost", "runs", "why"), [(9, 1, "internal"), (10, 0, "crash_loop")])
async def test_a_request_whose_start_was_lost_ten_times_is_ended_unrun(settings, lost, runs, why):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    body = json.dumps(request).encode()
    delivery = Delivery(body, id=request["id"], key="deadly.requested.v1", content_type=STRUCTURED)
    opening = read_case(delivery, pipeline=deadly, keys=PatientKeys("a key")).opening
    sealer = AesGcmSealer(open_keys(settings).vault)
    async with open_books(settings):
        pass  # the audit trail begins before the first request
    for number in range(lost):
        # A worker that was killed in the middle: it took the request up, and was not heard of again.
        then = datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=number)
        async with open_ledger(settings, sealer, clock=partial(_at, then)) as ledger:
            assert isinstance(await ledger.begin(opening), Started)
    ran.clear()
    async with site_with(settings, deadly) as site:
        await site.failure(deadly, request)
        assert await site.reason(deadly) == why
    assert len(ran) == runs
    async with open_books(settings) as books:
        history = await books.ledger.request(opening.request_key)
    assert history is not None
    assert history.state == "failed"
    assert [attempt.outcome for attempt in history.attempts].count("lost") == lost
