import errno

import pytest

from bridge.bus.control_headers import RETRY_REASON
from bridge.bus.port import Dead, Delivery, Done, RetryAfter
from bridge.engine.outcomes import (
    EngineFault,
    disposition_of,
    facts_of,
    places,
    told_as,
    unforeseen,
    waited_for,
)
from bridge.errors import FailureCode, HeldBack, Refused, ResponseInvalid


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_files_passes_and_the_request_is_tried_again(number):
    failure = unforeseen(OSError(number, "Too many open files"))

    assert isinstance(failure, HeldBack)
    assert failure.detail == "no_descriptors"


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), ValueError("9990000018")])
def test_any_other_error_is_a_fault_of_the_engine_without_its_words(error):
    failure = unforeseen(error)

    assert isinstance(failure, EngineFault)
    assert failure.detail == f"internal {type(error).__name__}"
    assert failure.stage == "engine"


def test_only_a_fault_of_the_engine_parks_the_message():
    assert disposition_of(EngineFault("internal", detail="KeyError")) == Dead("internal", "internal KeyError")
    assert disposition_of(Refused(FailureCode.PATIENT_NOT_FOUND, stage="pds")) == Done()


def test_the_log_tells_of_a_failure_in_codes():
    failure = Refused(FailureCode.PATIENT_NOT_FOUND, stage="pds", detail="404")
    assert facts_of(failure) == {"code": "patient_not_found", "stage": "pds", "detail": "404"}


def test_an_answer_that_cannot_be_used_is_found_again_by_its_hash():
    failure = ResponseInvalid(stage="provider", detail="truncated", body_sha256="ab" * 32)
    assert facts_of(failure)["body_sha256"] == "ab" * 32


@pytest.mark.parametrize(
    ("disposition", "state", "word"),
    [
        (Done(), "completed", "completed"),
        (Done(), "failed", "failed"),
        (Done(), "in_doubt", "in_doubt"),
        (Dead("internal"), "completed", "dead"),
        (Dead("internal"), "failed", "dead"),
        (Dead("rejected"), "rejected", "rejected"),
        (Dead("internal"), "in_doubt", "in_doubt"),
        (RetryAfter(1.0, "internal"), None, "retrying"),
        (RetryAfter(1.0, "internal"), "completed", "retrying"),
        (Done(), None, "retrying"),
    ],
)
def test_how_a_request_stands_is_one_word(disposition, state, word):
    assert told_as(disposition, state) == word


def deep(levels):
    if levels == 0:
        raise ValueError("9990000018")
    deep(levels - 1)


def test_where_an_error_came_from_is_told_by_its_last_places_and_without_its_words():
    with pytest.raises(ValueError, match="999") as raised:
        deep(9)

    told = places(raised.value)
    assert len(told) == 5
    assert all(place.startswith("test_outcomes.py:") and place.endswith(" deep") for place in told)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({RETRY_REASON: "provider_timeout"}, FailureCode.PROVIDER_TIMEOUT),
        ({RETRY_REASON: "ledger_unavailable"}, FailureCode.INTERNAL),
        ({}, FailureCode.INTERNAL),
    ],
)
def test_what_a_request_waited_for_is_told_when_it_may_wait_no_longer(headers, code):
    delivery = Delivery(b"", "an-id", "record.requested.v1", headers)
    assert waited_for(delivery) is code
