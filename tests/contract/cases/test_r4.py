"""What real records got wrong, in FHIR R4: valid, and no more certain than the record."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridge.fhir.parsing import parse
from tests.support.corpus import record_of
from tests.support.r4 import faults, of_kind, rendered_record
from tests.support.r4.bundles import codings

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")

seen: set[Any] = set()
BUNDLES = sorted(each.stem for each in CASES.glob("*.json") if not each.stem.startswith("html-"))


@cache
def bundle(name: str) -> Any:
    return rendered_record(record_of(parse((CASES / f"{name}.json").read_bytes()).content))


@pytest.mark.parametrize("name", BUNDLES)
def test_a_case_is_valid(name: str) -> None:
    assert faults(bundle(name), seen=seen) == []


def listed(name: str, title: str) -> Any:
    return next(each for each in of_kind(bundle(name), "List") if each["title"] == title)


def states(name: str) -> dict[str, str]:
    return {
        each["code"]["text"]: each["clinicalStatus"]["coding"][0]["code"]
        for each in of_kind(bundle(name), "AllergyIntolerance")
    }


def test_an_amount_with_a_comparator_is_no_number_of_its_own() -> None:
    quantities = [
        each["dispenseRequest"]["quantity"]
        for each in of_kind(bundle("quantity-comparator"), "MedicationRequest")
        if "quantity" in each.get("dispenseRequest", {})
    ]
    assert quantities != []
    assert [(each.get("value"), each["unit"][0]) for each in quantities] == [(None, "<")] * len(quantities)


def test_a_list_of_which_all_is_withheld_is_not_empty_for_want_of_anything() -> None:
    reason = listed("list-empty-withheld", "Allergies and adverse reactions")["emptyReason"]
    assert [each["code"] for each in reason["coding"]] == ["withheld"]


def test_no_known_food_allergy_is_not_no_known_allergy() -> None:
    codes = {each.get("code") for each in codings(bundle("no-known-food-allergy"))}
    assert "429625007" in codes
    assert "716186003" not in codes


def test_an_active_allergy_beside_an_ended_one_is_active_and_the_other_is_not() -> None:
    assert states("active-allergy-beside-contained-ended") == {
        "Allergy to penicillin": "active",
        "Allergy to amoxicillin": "resolved",
    }


def test_a_degraded_allergy_is_words_alone() -> None:
    [found] = of_kind(bundle("tpp-degraded-allergy-name-in-note"), "AllergyIntolerance")
    assert found["code"] == {"text": "Penicillin allergy"}
