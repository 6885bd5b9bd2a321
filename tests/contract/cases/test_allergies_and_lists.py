"""Allergies and lists that real records got wrong: what the mapper must make of each."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.areas import GpRecord
from tests.support.mapped import area, mapped

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")


def case(name: str) -> GpRecord:
    return mapped(orjson.loads((CASES / f"{name}.json").read_bytes()))


def facts(record: GpRecord) -> dict[str, Any]:
    """What a reader must not get wrong, of a record and of its only active allergy."""
    found = area(record, "allergies")
    (allergy,) = (each for each in record["allergies"] if each["clinical_status"] == "active")
    return {
        "statement": record["allergy_statement"],
        "outcome": found["outcome"],
        "complete": found["complete"],
        "term": allergy["substance"]["term"],
        "quality": allergy["substance"]["coding_quality"],
        "is_allergy": allergy["statement"] == "propensity",
        "usable": allergy["usable_for_decision_support"],
        "block": allergy["requires_prescribing_block"],
    }


PENICILLIN = {
    "statement": "active_allergies",
    "outcome": "items",
    "complete": True,
    "term": "Allergy to penicillin",
    "quality": "coded",
    "is_allergy": True,
    "usable": True,
    "block": False,
}
TABLE: dict[str, dict[str, Any]] = {
    # Its list also contains one that ended, which by its state and end is resolved: the list is not whole.
    "active-allergy-beside-contained-ended": {**PENICILLIN, "complete": False},
    "active-allergy-contained-in-active-list": PENICILLIN,
    "list-entry-deleted": {**PENICILLIN, "complete": False},
    "list-local-code-first": PENICILLIN,
    "no-known-food-allergy": {
        **PENICILLIN,
        "statement": "no_known_allergies_of_kind",
        "term": "No known food allergy",
        "is_allergy": False,
        "usable": False,
    },
    "description-id-as-code": {
        **PENICILLIN,
        "term": "x",
        "quality": "local_code_only",
        "usable": False,
        "block": True,
    },
    "tpp-degraded-allergy-name-in-note": {
        **PENICILLIN,
        "term": "Penicillin allergy",
        "quality": "degraded",
        "usable": False,
        "block": True,
    },
}


@pytest.mark.parametrize("name", TABLE)
def test_an_active_allergy(name: str) -> None:
    assert facts(case(name)) == TABLE[name]


def test_no_known_food_allergy_is_about_food_alone() -> None:
    assert case("no-known-food-allergy")["no_known_allergy_kinds"] == ["food"]


def test_a_list_that_is_withheld() -> None:
    record = case("list-empty-withheld")
    found = area(record, "allergies")
    assert (found["outcome"], found["complete"], found["empty_reason"]) == (
        "only_withheld",
        False,
        "withheld",
    )
    assert record["allergy_statement"] == "unavailable"
