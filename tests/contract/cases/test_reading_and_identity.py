"""One stray thing in a real record loses nothing else of it."""

from pathlib import Path

import pytest

from bridge.areas import GpRecord, check_record, map_record
from bridge.fhir.parsing import parse
from bridge.mapping import Asked, Source
from tests.support.mapped import allergy, course, issue_codes

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")


def as_sent(name: str) -> GpRecord:
    parsed = parse((CASES / f"{name}.json").read_bytes())
    source = Source(
        request_id="r1",
        retrieved_at="2026-11-22T09:00:00Z",
        body_sha256="0" * 64,
        issues=parsed.issues,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )
    record = map_record(parsed.content, asked=Asked(), source=source)
    check_record(record)
    return record


def test_half_a_character_elsewhere_costs_no_allergy() -> None:
    record = as_sent("lone-surrogate-elsewhere")

    assert allergy(record)["substance"]["term"] == "Allergy to penicillin"
    assert allergy(record)["usable_for_decision_support"]
    assert record["allergy_statement"] == "active_allergies"
    assert "replaced_characters" in issue_codes(record)


def test_a_modifier_inside_a_part_of_a_plan_makes_the_course_unusable() -> None:
    record = as_sent("nested-modifier-extension")
    found = course(record)

    assert not found["usable_for_decision_support"]
    assert "modifier_extension" in found["plan"]["issue_codes"]
    assert [issue.get("path") for issue in record["issues"] if issue["code"] == "modifier_extension"] == [
        "dispenseRequest.modifierExtension"
    ]
