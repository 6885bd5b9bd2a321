"""Whatever is made of an answer is counted against the memory budget until the request is over, and when it is kept."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.areas.requests import RecordRequest
from bridge.contracts.care_record import CareRecordRequest
from bridge.contracts.requests import GpConnectRequest
from bridge.engine.context import RequestContext, Services
from bridge.engine.documents import DocumentServices
from bridge.engine.journal import Journal
from bridge.engine.journal.opening import open_journal
from bridge.engine.journal.unrecorded import unrecorded
from bridge.engine.kill_switch import KillSwitch
from bridge.engine.memory_budget import MemoryBudget, Reservation
from bridge.engine.outcomes import Try
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.scanning import Scanner
from bridge.engine.side_effects import SideEffectLimits, SideEffects
from bridge.gpconnect import GpConnect, Window
from bridge.gpconnect.offers import Offers
from bridge.gpconnect.windows import today
from bridge.ledger import Lease
from bridge.settings import ClaimsSettings, DocumentsSettings, ScanSettings, Settings
from tests.integration.spine.world import AREAS, NHS_NUMBER, World, endpoint, patient, requester, searchset
from tests.support import care_records as pages
from tests.support.http_server import answer
from tests.support.requests import record_request

LEASE = Lease("k", 0, "", 1, 1, 1, datetime(2026, 11, 22, 9, tzinfo=UTC))


@pytest.fixture
def budget() -> MemoryBudget:
    """Any answer fills it."""
    return MemoryBudget(1)


async def has_room(budget: MemoryBudget) -> bool:
    """Whether another request would find room."""
    other = asyncio.create_task(budget.take(1))
    for _ in range(20):
        await asyncio.sleep(0)
    if other.done():
        await budget.free(1)
        return True
    other.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await other
    return False


def context(
    gpconnect: GpConnect,
    budget: MemoryBudget,
    reservation: Reservation,
    request: GpConnectRequest,
    journal: Journal | None = None,
    *,
    losses: int = 0,
) -> RequestContext:
    journal, site_key = journal or unrecorded(), "k" * 32
    offers = Offers(site_key, valid_for=timedelta(days=1))
    documents = DocumentServices(Scanner(ScanSettings()), DocumentsSettings(), ClaimsSettings())
    return RequestContext(
        "/epr r-1",
        request,
        Services(
            gpconnect,
            PatientKeys(site_key),
            offers,
            journal,
            budget,
            documents,
            KillSwitch(Path("no-such-switch")),
        ),
        Try(
            LEASE,
            reservation,
            SideEffects(
                journal.side_effects,
                LEASE,
                [],
                SideEffectLimits(settle_after=1.0, retries=1, is_allowed=False),
            ),
            losses=losses,
        ),
        ends_at=asyncio.get_running_loop().time() + 60,
        largest_event=None,
    )


async def test_a_structured_record_has_room_until_the_request_is_over(
    gpconnect: GpConnect, budget: MemoryBudget
):
    traced = await gpconnect.trace(patient(), requested_by=requester())
    request = RecordRequest.model_validate(record_request() | {"requested_by": requester()})
    async with Reservation(budget) as reservation:
        assert await has_room(budget)
        await context(gpconnect, budget, reservation, request).structured_record(traced, AREAS)
        assert not await has_room(budget)
    assert await has_room(budget)


@pytest.mark.parametrize(("losses", "at_once"), [(0, 0), (1, 1)])
async def test_an_answer_that_may_have_taken_its_worker_down_is_kept_before_anything_is_made_of_it(
    losses: int, at_once: int, gpconnect: GpConnect, budget: MemoryBudget, tmp_path: Path
):
    traced = await gpconnect.trace(patient(), requested_by=requester())
    request = RecordRequest.model_validate(record_request() | {"requested_by": requester()})
    async with (
        open_journal(Settings(state_dir=tmp_path, patient_key="k" * 32, sandbox=True)) as journal,
        Reservation(budget) as reservation,
    ):
        gp = context(gpconnect, budget, reservation, request, journal, losses=losses)
        await gp.structured_record(traced, AREAS)
        assert len(await journal.answers.kept_answers(gp.request_key)) == at_once


async def test_free_slots_have_room_until_the_request_is_over(
    gpconnect: GpConnect, world: World, budget: MemoryBudget
):
    found = {"resourceType": "Bundle", "type": "searchset", "entry": []}
    world.practice = answer(found, content_type="application/fhir+json")
    traced = await gpconnect.trace(patient(), requested_by=requester())
    asked = {name: sent for name, sent in record_request().items() if name in GpConnectRequest.model_fields}
    request = GpConnectRequest.model_validate(asked | {"requested_by": requester()})
    async with Reservation(budget) as reservation:
        gp = context(gpconnect, budget, reservation, request)
        window = Window.of(today(), today() + timedelta(days=1))
        slots = await gp.free_slots(gp.practice(traced.practice_ods), window, traced)
        assert slots["slots"] == []
        assert not await has_room(budget)
    assert await has_room(budget)


async def test_sections_of_a_care_record_have_room_until_the_request_is_over(
    gpconnect: GpConnect, world: World, budget: MemoryBudget
):
    world.endpoints = searchset(endpoint("https://gp.example.nhs.uk/A82038/DSTU2/0/gpconnect"))
    page = pages.composition(pages.section("<p>a</p>"))
    world.practice = answer(
        pages.bundle(page, pages.patient(NHS_NUMBER)), content_type="application/json+fhir"
    )
    traced = await gpconnect.trace(patient(), requested_by=requester())
    asked = {name: sent for name, sent in record_request().items() if name in GpConnectRequest.model_fields}
    request = CareRecordRequest.model_validate(asked | {"requested_by": requester(), "sections": {"ENC": {}}})
    async with Reservation(budget) as reservation:
        record = await context(gpconnect, budget, reservation, request).care_record(traced, request)
        assert [section["section"] for section in record.sections] == ["ENC"]
        assert not await has_room(budget)
    assert await has_room(budget)
