"""A handler that is run against the sandbox, without a bus, ends as it does on one."""

from collections.abc import AsyncIterator

import pytest

from bridge.pipelines import Context, Event, RecordRequest, Refused, pipeline
from bridge.pipelines.errors import FailureCode
from bridge.pipelines.events import AllergiesPublished
from bridge.testing import FaultKind, InjectedFault, Site, site
from pipelines.structured_record import structured_record

AREAS: dict[str, dict[str, bool]] = {"medications": {}, "allergies": {}}


@pytest.fixture
async def here() -> AsyncIterator[Site]:
    async with site() as running:
        yield running


def wanted(here: Site, scenario: str = "rich_record") -> RecordRequest:
    return here.request(RecordRequest, scenario, areas=AREAS)


async def test_a_request_completes_and_its_events_are_typed(here: Site):
    result = await here.run(structured_record, wanted(here))
    assert result.outcome == "completed"
    assert result.kinds == ["medications.published.v1", "allergies.published.v1", "record.completed.v1"]
    allergies = result.data("allergies.published.v1", AllergiesPublished)
    assert allergies["allergy_statement"] == "active_allergies"
    assert {each.attributes["source"] for each in result.events} == {here.settings.events.source}


async def test_a_fault_is_met_and_passes(here: Site):
    here.fault("rich_record", InjectedFault(FaultKind.STATUS, status=503, times=1, on=("structured_record",)))
    first = await here.run(structured_record, wanted(here))
    assert (first.outcome, first.reason, first.kinds) == ("retrying", "provider_error", [])
    second = await here.run_again(first)
    assert (second.outcome, len(second.events), second.delivery.attempt) == ("completed", 3, 2)


async def test_a_message_that_is_delivered_again_is_answered_from_the_ledger(here: Site):
    result = await here.run(structured_record, wanted(here))
    calls = len(here.sandbox.calls)
    again = await here.run(structured_record, wanted(here), id=result.delivery.id)
    assert [event.id for event in again.events] == [event.id for event in result.events]
    assert len(here.sandbox.calls) == calls
    assert (await here.run_again(result)).events == []


async def test_what_fails_and_what_is_rejected_say_so(here: Site):
    failed = await here.run(structured_record, wanted(here, "restricted"))
    assert (failed.outcome, failed.kinds) == ("failed", ["request.failed.v1"])
    rejected = await here.run(structured_record, {"patient": {"nhs_number": "9990000019"}})
    assert (rejected.outcome, rejected.reason) == ("rejected", "rejected")
    assert rejected.kinds == ["request.rejected.v1"]


@pipeline(name="clumsy", accepts="clumsy.v1", request=RecordRequest, publishes={})
async def clumsy(request: RecordRequest, gp: Context) -> list[Event]:
    """Stumbles over one patient, and refuses another."""
    if request.patient.family_name:
        raise Refused(FailureCode.REQUEST_REFUSED, stage="engine")
    raise KeyError("name")


async def test_an_error_of_the_handlers_own_is_a_dead_letter(here: Site):
    assert (await here.run(clumsy, wanted(here))).outcome == "dead"
    refused = here.request(
        RecordRequest,
        "rich_record",
        areas=AREAS,
        patient={"nhs_number": "9990000018", "family_name": "Anybody"},
    )
    assert (await here.run(clumsy, refused)).outcome == "failed"


async def test_what_is_not_clear_is_said(here: Site):
    with pytest.raises(ValueError, match="rich_record"):
        wanted(here, "rich_recrod")
    result = await here.run(structured_record, wanted(here))
    with pytest.raises(LookupError, match="published: medications"):
        result.data("allergies.v1", AllergiesPublished)
