"""What the ledger keeps of how a try ended, for lists and groups by cause."""

from datetime import UTC, datetime

import pytest

from bridge.bus.port import Dead, Done
from bridge.engine.circumstances import circumstances
from bridge.engine.outcomes import facts_of
from bridge.errors import FailureCode, Refused, RequestFailed, Stage, Unavailable
from bridge.observe import CallNote

NHS_NUMBER = "9990000018"


def call(upstream: str, *, where: str | None = None, result: str = "answered") -> CallNote:
    return CallNote(upstream, "i", where, "t-1", None, result, datetime(2026, 11, 29, tzinfo=UTC), 1.0)


@pytest.mark.parametrize(
    ("stage", "upstream"),
    [("pds", "pds"), ("sds", "sds"), ("spine", "ssp"), ("provider", "practice"), ("mapping", None)],
)
def test_who_was_in_the_way_is_told_by_the_stage(stage: Stage, upstream: str | None):
    failure = Refused(FailureCode.CONFIGURATION, stage=stage, detail="http=400")
    told = circumstances(facts_of(failure), [call("pds", result="read_timeout")], Done())
    assert (told.stage, told.upstream, told.detail) == (stage, upstream, "http=400")


def test_when_the_engine_gave_up_it_is_whoever_had_not_answered_by_then():
    failure = Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="request timeout")
    calls = [call("pds"), call("ssp", where="A12345", result="cancelled")]
    told = circumstances(facts_of(failure), calls, Done())
    assert (told.upstream, told.practice_ods) == ("ssp", "A12345")


def test_a_practice_that_was_not_called_is_named_by_the_failure():
    failure = RequestFailed(FailureCode.PROVIDER_ERROR, stage="provider", detail="circuit_open")
    failure.practice_ods = "B99999"
    assert circumstances(facts_of(failure), [], Done()).practice_ods == "B99999"


def test_of_a_request_that_was_rejected_the_faults_are_the_detail():
    told = circumstances({"faults": "data.patient: is required"}, [], Dead("rejected", "as told"))
    assert (told.stage, told.detail, told.dead_letter) == ("request", "data.patient: is required", "rejected")


@pytest.mark.duty("JO-033")
def test_the_detail_is_bounded_and_holds_no_nhs_number():
    failure = Refused(FailureCode.CONFIGURATION, stage="mapping", detail=f"{NHS_NUMBER} {'x' * 500}")
    detail = circumstances(facts_of(failure), [], Done()).detail or ""
    assert NHS_NUMBER not in detail
    assert len(detail) == 200


def test_of_a_request_that_completed_nothing_is_told():
    told = circumstances({"events": 3}, [call("ssp", where="A12345")], Done())
    assert (told.stage, told.upstream, told.detail, told.dead_letter) == (None, None, None, None)
    assert told.practice_ods == "A12345"
