"""Allergies that have ended: by their list, their state and their end together."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import active_allergies, allergy, area, mapped

DEGRADED_DRUG = b.concept("196461000000101", "Transfer-degraded drug allergy", text="Allergy to paracetamol")
NKA = b.concept("716186003", "No known allergy")


@pytest.mark.duty("CS-085", "CS-086", "CS-088")
@pytest.mark.parametrize("state", ["resolved", "active", None])
def test_an_allergy_inside_the_ended_list_is_ended_whatever_it_says(state: str | None) -> None:
    ended = b.ended_allergy(clinicalStatus=state)
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(ended)))
    found = allergy(record)
    assert found["clinical_status"] == "resolved"
    assert not found["usable_for_decision_support"]
    assert not found["requires_prescribing_block"]
    assert found["provenance"]["source_ref"] == f"List[{b.ENDED_LIST}]#a9"
    assert found["ended"]["on"] == {"value": "2018-03-01", "precision": "day"}
    assert found["ended"]["reason"]["term"] == "Tolerated since"
    assert ("status_conflict" in found["issue_codes"]) == (state != "resolved")
    assert area(record, "ended_allergies")["outcome"] == "items"
    assert record["allergy_statement"] == "nothing_recorded"


@pytest.mark.duty("CS-086")
def test_a_degraded_allergy_that_ended_blocks_nothing() -> None:
    record = mapped(
        b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(b.ended_allergy(code=DEGRADED_DRUG)))
    )
    assert allergy(record)["substance"]["coding_quality"] == "degraded"
    assert not allergy(record)["requires_prescribing_block"]


@pytest.mark.duty("CS-085", "CS-086")
def test_a_stand_alone_copy_of_an_ended_allergy_never_becomes_active() -> None:
    ended = b.ended_allergy()
    record = mapped(
        b.record(
            b.record_list(b.ALLERGIES_LIST), b.ended_list(ended), b.allergy("a9", clinicalStatus="active")
        )
    )
    assert allergy(record)["clinical_status"] == "resolved"
    (copy,) = record["unmapped"]
    assert (copy["source_ref"], copy["reason"]) == ("AllergyIntolerance/a9", "duplicate_id")
    assert record["allergy_statement"] == "nothing_recorded"


@pytest.mark.duty("CS-085")
@pytest.mark.parametrize("state", ["resolved", None])
def test_a_stand_alone_allergy_that_the_ended_list_names_is_ended(state: str | None) -> None:
    listed = b.record_list(b.ENDED_LIST, "AllergyIntolerance/a1")
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST), listed, b.allergy(clinicalStatus=state)))
    assert allergy(record)["clinical_status"] == "resolved"


@pytest.mark.parametrize(
    ("listed", "state"), [(b.ENDED_LIST, "active"), (b.ALLERGIES_LIST, "resolved")], ids=["ended", "active"]
)
def test_where_list_and_state_disagree_an_allergy_is_shown_as_active_and_marked(
    listed: str, state: str
) -> None:
    record = mapped(b.record(b.record_list(listed, "AllergyIntolerance/a1"), b.allergy(clinicalStatus=state)))
    assert allergy(record)["clinical_status"] == "active"
    assert "status_conflict" in allergy(record)["issue_codes"]


@pytest.mark.duty("CS-085", "CS-086")
def test_an_allergy_that_says_twice_that_it_ended_has_ended_even_in_the_active_list() -> None:
    record = active_allergies(b.ended_allergy("a1"))
    assert allergy(record)["clinical_status"] == "resolved"
    assert "status_conflict" in allergy(record)["issue_codes"]
    # The list contradicts itself: that nothing else is recorded cannot be said.
    assert record["allergy_statement"] == "unavailable"
    assert not area(record, "allergies")["complete"]


@pytest.mark.duty("CS-088")
def test_both_spellings_of_the_reason_for_the_end() -> None:
    end = b.extension(
        "AllergyIntoleranceEnd", extension=[{"url": "endReason", "valueString": "Wrong patient"}]
    )
    record = mapped(b.record(b.ended_list(b.ended_allergy(extension=[end]))))
    assert allergy(record)["ended"]["reason"]["term"] == "Wrong patient"


def test_an_active_allergy_beside_a_contained_ended_one_stays_active() -> None:
    """The code of a list decides what it is, not what is in it."""
    listed = b.record_list(
        b.ALLERGIES_LIST, "AllergyIntolerance/a1", "#a9", contained=[b.ended_allergy(clinicalStatus=None)]
    )
    found = {
        each["provenance"]["source_ref"]: each for each in mapped(b.record(listed, b.allergy()))["allergies"]
    }
    assert found["AllergyIntolerance/a1"]["clinical_status"] == "active"
    assert found["AllergyIntolerance/a1"]["usable_for_decision_support"]
    # In a tie of its list and its end, the more cautious.
    assert found[f"List[{b.ALLERGIES_LIST}]#a9"]["clinical_status"] == "active"
    assert "status_conflict" in found[f"List[{b.ALLERGIES_LIST}]#a9"]["issue_codes"]


def test_an_active_allergy_contained_in_the_active_list_is_active() -> None:
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST, "#a1", contained=[b.allergy()])))
    assert allergy(record)["clinical_status"] == "active"
    assert allergy(record)["issue_codes"] == []
    assert area(record, "allergies")["complete"]
    assert record["allergy_statement"] == "active_allergies"


@pytest.mark.parametrize("code", ["TBD", "999000"])
def test_an_active_allergy_contained_in_a_list_that_is_not_known_stays_active(code: str) -> None:
    listed = b.record_list(code, "#a1", "#a9", contained=[b.allergy(), b.ended_allergy()])
    states = {
        each["provenance"]["source_ref"].partition("#")[2]: each["clinical_status"]
        for each in mapped(b.record(b.record_list(b.ALLERGIES_LIST), listed))["allergies"]
    }
    assert states == {"a1": "active", "a9": "resolved"}


def test_another_allergy_with_the_local_id_of_an_ended_one_is_not_lost() -> None:
    other = b.allergy("a9", identifier=b.identifier("ai-other"), code=b.concept("300916003", "Latex"))
    record = mapped(
        b.record(
            b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a9"), b.ended_list(b.ended_allergy()), other
        )
    )
    assert {each["clinical_status"] for each in record["allergies"]} == {"active", "resolved"}
    assert record["allergy_statement"] == "active_allergies"


def test_a_copy_of_an_ended_allergy_that_the_active_list_names_as_active_is_shown() -> None:
    record = mapped(
        b.record(
            b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a9"),
            b.ended_list(b.ended_allergy()),
            b.allergy("a9"),
        )
    )
    assert {each["clinical_status"] for each in record["allergies"]} == {"active", "resolved"}


@pytest.mark.duty("CS-085")
def test_a_copy_of_an_ended_allergy_leaves_its_area_complete() -> None:
    record = mapped(
        b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(b.ended_allergy()), b.ended_allergy("a9"))
    )
    assert area(record, "ended_allergies")["complete"]
    assert area(record, "allergies")["complete"]


@pytest.mark.duty("CS-085")
@pytest.mark.parametrize(
    ("end", "state"),
    [
        ({"url": "endDate", "valueDateTime": "2018"}, "resolved"),
        ({"url": "endDate", "valueDateTime": "last spring"}, "resolved"),
        ({"url": "reasonEnded", "valueString": "Tolerated since"}, "resolved"),
        ({"url": "endDate", "valueDateTime": "2099-01-01"}, "unknown"),
        ({"url": "endDate", "valueDateTime": "9999-12-31"}, "unknown"),
    ],
)
def test_an_end_ahead_or_of_no_day_is_no_end(end: Any, state: str) -> None:
    extension = [b.extension("AllergyIntoleranceEnd", extension=[end])]
    unlisted = b.allergy(clinicalStatus=None, extension=extension)
    assert allergy(mapped(b.record(b.record_list(b.ALLERGIES_LIST), unlisted)))["clinical_status"] == state


@pytest.mark.duty("CS-085")
def test_an_active_allergy_in_a_list_without_a_code_is_not_ended_by_that_list() -> None:
    """Which list it is was only told by the end that contradicts the state: that counts once."""
    uncoded = {**b.ended_list(b.ended_allergy(clinicalStatus="active")), "code": None}
    found = allergy(mapped(b.record(b.record_list(b.ALLERGIES_LIST), uncoded)))
    assert found["clinical_status"] == "active"
    assert {"status_conflict", "not_in_list"} <= set(found["issue_codes"])


@pytest.mark.parametrize("codes", [(b.ENDED_LIST, b.ALLERGIES_LIST), (b.ALLERGIES_LIST, b.ENDED_LIST)])
def test_a_list_with_the_codes_of_both_is_that_of_active_allergies(codes: tuple[str, str]) -> None:
    listed = b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1")
    both = {**listed, "code": {"coding": [b.coding(each) for each in codes]}}
    record = mapped(b.record(both, b.allergy(clinicalStatus=None)))
    assert allergy(record)["clinical_status"] == "unknown"
    assert record["allergy_statement"] == "active_allergies"


@pytest.mark.duty("CS-085")
def test_another_allergy_with_the_ids_of_a_contained_one_is_not_taken_for_its_copy() -> None:
    latex = b.allergy(code=b.concept("300916003", "Latex allergy"))
    none = b.record_list(b.ALLERGIES_LIST, "#a1", contained=[b.allergy(code=NKA)])
    assert mapped(b.record(none, latex))["allergy_statement"] == "contradictory"
    ended = b.ended_list(b.ended_allergy("a1"))
    assert (
        mapped(b.record(b.record_list(b.ALLERGIES_LIST), ended, latex))["allergy_statement"]
        == "active_allergies"
    )
