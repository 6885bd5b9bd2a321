"""Medications whose words, numbers, order or dates once came out wrong, and what is right."""

from pathlib import Path
from typing import Any

import pytest

from bridge.areas import MedicationCourse, map_record
from bridge.gpconnect.structured import StructuredAnswer
from bridge.mapping import Asked, Source

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")


def course(name: str) -> MedicationCourse:
    answer = StructuredAnswer(
        body=(CASES / f"{name}.json").read_bytes(),
        retrieved_at="2026-11-29T09:00:00Z",
        trace_id="t1",
        practice_ods="A99999",
    )
    source = Source(request_id="r1", retrieved_at=answer.retrieved_at, body_sha256=answer.body_sha256)
    (only,) = map_record(answer.bundle(), asked=Asked(), source=source)["medications"]
    return only


def issue_refs(found: MedicationCourse) -> list[str]:
    return [issue["provenance"]["source_ref"] for issue in found["plan"]["issues"]]


def test_a_drug_that_only_the_words_of_a_reference_name() -> None:
    found = course("display-only-medication")
    assert found["medication"]["term"] == "Warfarin 1mg tablets"
    assert found["medication"]["term_from"] == "reference"
    assert found["medication"]["coding_quality"] == "text_only"
    assert found["plan"]["medication"]["term"] == "Paracetamol 500mg capsules"
    assert {"medication_conflict", "display_only_reference"} <= set(found["issue_codes"])
    assert "medication_conflict" in found["plan"]["issue_codes"]
    assert found["usable_for_decision_support"] is False


def test_dosages_come_in_their_sequence() -> None:
    found = course("dosage-sequence")
    first, second = "40 mg once daily for 5 days", "then 5 mg once daily for 5 days"
    assert found["dosage"] == [
        {"recorded": True, "text": first, "sequence": 1},
        {"recorded": True, "text": second, "sequence": 2},
    ]
    assert found["plan"]["dosage"]["text"] == f"{first}\n{second}"
    assert "dosage_conflict" not in found["issue_codes"]


def test_a_masked_dosage_is_not_recorded() -> None:
    found = course("masked-dosage-text")
    assert found["dosage"] == [{"recorded": False, "absent_reason": "masked"}]
    assert "dosage_withheld" in found["issue_codes"]


def test_a_quantity_keeps_its_comparator_and_unit_system() -> None:
    expected: dict[str, Any] = {
        "value": 28,
        "comparator": "<=",
        "unit": "tablet",
        "unit_code": "428673006",
        "unit_system": "http://snomed.info/sct",
    }
    assert course("quantity-comparator")["plan"]["quantity"] == expected


def test_completed_and_still_running() -> None:
    found = course("emis-completed-still-running")
    assert found["course_state"] == {
        "state": "current",
        "why": "end_ahead",
        "until": {"value": "2026-12-05", "precision": "day"},
    }
    assert found["status"] == "completed"
    assert "completed_but_running" in found["issue_codes"]
    assert "date_status_conflict" not in found["issue_codes"]


def test_an_offset_without_a_colon_is_read() -> None:
    found = course("offset-without-colon")
    assert issue_refs(found) == ["MedicationRequest/o2", "MedicationRequest/o1"]
    assert found["last_issue_seen"] == {"value": "2026-11-20T10:30:00+0000", "precision": "instant"}


def test_moments_are_ordered_across_offsets() -> None:
    # Half past midnight in summer time is a quarter of an hour before a quarter to midnight in UTC.
    found = course("order-across-offsets")
    assert issue_refs(found) == ["MedicationRequest/o2", "MedicationRequest/o1"]
    assert found["last_issue_seen"]["value"] == "2019-04-30T23:45:00Z"
