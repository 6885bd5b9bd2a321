"""The error decoder makes one of the tree's errors of any answer, and repeats nothing of it."""

import math
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.errors import RequestFailed, ResponseInvalid
from bridge.gpconnect.errors import error_for
from bridge.spine.answer import Answer
from tests.fuzz.effort import fuzz
from tests.fuzz.values import spoilt

SECRET = "Wolfeschlegelstein"
SYSTEMS = [
    "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1",
    "http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1",
    "https://fhir.nhs.uk/StructureDefinition/spine-operationoutcome-1",
]
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "error",
            "details": {
                "coding": [
                    {"system": system, "code": "PATIENT_NOT_FOUND", "display": f"ASID_CHECK_FAILED {SECRET}"}
                ],
                "text": SECRET,
            },
            "diagnostics": SECRET,
        }
        for system in SYSTEMS
    ],
}
PAGE = f"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1>{SECRET}</body></html>".encode()
DATES = [
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 2020 00:00:00 -0000",
]


def decoded(status: int, body: bytes, headers: dict[str, str] | None = None) -> RequestFailed:
    error = error_for(Answer(status, headers or {}, body), body_sha256="0" * 64)
    assert isinstance(error, ResponseInvalid) == (status < 400)
    assert len(str(error)) < 200
    assert SECRET not in f"{error!r} {error.detail} {error.__dict__}"
    wait = getattr(error, "retry_after", None)
    assert wait is None or (math.isfinite(wait) and wait >= 0)
    return error


@fuzz(300)
@given(
    st.integers(201, 999),
    spoilt(OUTCOME),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-rate-limit-reset"]), st.text(max_size=30) | st.sampled_from(DATES)
    ),
)
@example(429, OUTCOME, {"retry-after": DATES[0]})
def test_a_spoilt_outcome_is_an_error_of_the_tree(status: int, outcome: Any, headers: dict[str, str]) -> None:
    try:
        body = orjson.dumps(outcome)
    except TypeError:  # nested too deeply for orjson to write
        body = b"{}"
    decoded(status, body, headers)


@fuzz(100)
@given(st.integers(201, 999), st.binary(max_size=50))
def test_any_bytes_are_an_error_of_the_tree(status: int, body: bytes) -> None:
    decoded(status, body)


@pytest.mark.parametrize("status", [302, 400, 404, 500, 502, 503])
def test_a_page_in_place_of_json_is_told_by_its_status(status: int) -> None:
    assert "code=none" in decoded(status, PAGE).detail or status == 302


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("element", ["system", "code", "display", "diagnostics", "details"])
def test_nesting_ends_in_the_same_errors(system: str, element: str) -> None:
    nested = "[" * 1000 + "]" * 1000
    coding = {"system": system, "code": "PATIENT_NOT_FOUND", "display": "x"}
    issue: dict[str, Any] = {"details": {"coding": [coding]}, "diagnostics": "x"}
    (coding if element in coding else issue)[element] = "NESTED"
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).replace(
        b'"NESTED"', nested.encode()
    )
    decoded(400, body)


def test_a_million_issues_take_memory_in_proportion() -> None:
    body = orjson.dumps({**OUTCOME, "issue": [{"details": {"coding": [{}]}}] * 50_000})
    tracemalloc.start()
    try:
        decoded(500, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 * len(body)
