"""A practice asked for a record, as the tests of calls on practices do it."""

from typing import Any

import pytest

from bridge.errors import RequestFailed
from bridge.gpconnect import GpConnect
from bridge.gpconnect.structured import StructuredAnswer
from bridge.spine.pds import TracedPatient
from tests.integration.spine.world import (
    NHS_NUMBER,
    PRACTICE,
    WANTED,
    requester,
)
from tests.support.http_server import answer

SSP_SYSTEM = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0"


V1_SYSTEM = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"


TRACED = TracedPatient(
    nhs_number=NHS_NUMBER,
    superseded=None,
    family_name="O'Brien",
    given_names=("Siân",),
    birth_date="1948-03-17",
    gender="female",
    practice_ods=PRACTICE,
    traced_at="2026-11-22T09:00:00.000Z",
)


async def ask(gpconnect: GpConnect, **options: Any) -> StructuredAnswer:
    given: dict[str, Any] = {"wanted": WANTED, "requested_by": requester(), **options}
    return await gpconnect.structured_record(TRACED, **given)


async def failure(gpconnect: GpConnect, **options: Any) -> RequestFailed:
    with pytest.raises(RequestFailed) as failed:
        await ask(gpconnect, **options)
    assert NHS_NUMBER not in str(failed.value)
    return failed.value


def ssp_outcome(status: int, text: str) -> bytes:
    coding = {"system": SSP_SYSTEM, "code": str(status), "display": text}
    issue = {"severity": "error", "details": {"coding": [coding]}}
    return answer({"resourceType": "OperationOutcome", "issue": [issue]}, status=status)
