"""Allergies: active, ended, degraded, and the statement that there are none."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import allergy, area, issue_codes, mapped

DEGRADED_DRUG = b.concept("196461000000101", "Transfer-degraded drug allergy", text="Allergy to paracetamol")
NKA = b.concept("716186003", "No known allergy")


def active(*allergies: b.Resource) -> Any:
    targets = [f"AllergyIntolerance/{each['id']}" for each in allergies]
    return mapped(b.record(b.record_list(b.ALLERGIES_LIST, *targets), b.ended_list(), *allergies))


def test_everything_of_an_allergy_is_carried() -> None:
    found = allergy(
        active(
            b.allergy(
                onsetDateTime="2004",
                lastOccurrence="2016-07",
                asserter=b.reference("RelatedPerson/x"),
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter",
                        "valueReference": b.reference("Encounter/e1"),
                    }
                ],
                note=[{"text": "Certainty: Likely\nNOTES: free text"}],
                reaction=[
                    {
                        "manifestation": [b.concept("247472004", "Weal")],
                        "description": "came up at once",
                        "severity": "severe",
                        "exposureRoute": b.concept("26643006", "Oral"),
                    }
                ],
            )
        )
    )
    assert found["item_id"] == f"{b.DATA}|ai-a1"
    assert found["clinical_status"] == "active"
    assert (found["category"], found["reaction_type"], found["criticality"]) == (
        "medication",
        "allergy",
        "high",
    )
    assert found["onset"] == {"value": "2004", "precision": "year"}
    assert found["last_occurrence"] == {"value": "2016-07", "precision": "month"}
    assert found["asserted_at"] == {"value": "2012-05-07T00:00:00+01:00", "precision": "instant"}
    (reaction,) = found["reactions"]
    assert reaction["description"] == "came up at once"
    assert reaction["severity"] == "severe"
    assert reaction["manifestations"][0]["term"] == "Weal"
    assert reaction["exposure_route"]["concept_id"] == "26643006"
    assert found["notes"] == [{"text": "Certainty: Likely\nNOTES: free text", "audience": "unspecified"}]
    assert found["provenance"]["encounter_ref"] == "Encounter/e1"
    assert found["provenance"]["recorder"]["name"] == "Dr Jo Doe"
    assert found["provenance"]["author"] == {"kind": "related_person", "ref": "RelatedPerson/x"}
    assert found["usable_for_decision_support"]
    assert not found["requires_prescribing_block"]


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
    record = active(b.ended_allergy("a1"))
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


GENERAL = ["no known allergies", "NKA - No known allergy", "No allergies", "Allergies: none known", "nka"]
GENERAL += [
    "No known allergies to date",
    "No known allergies - confirmed with patient 12/3/2020",
    "Allergies: nil",
]
OF_KIND = {
    "nil known drug allergies": ["drug"],
    "NKDA": ["drug"],
    "No known drug allergy": ["drug"],
    "No known food or animal allergies": ["animal", "food"],
    "No known allergy to latex": ["latex"],
    "No known penicillin allergy": ["other"],
    "N.K.D.A.": ["drug"],
    "Allergies: NKDA": ["drug"],
    "No known food/drug allergies": ["drug", "food"],
    "No known intolerances": ["other"],
    "No known adverse reactions": ["other"],
}
FORMS = {
    "text": lambda words: {"text": words},
    "degraded": lambda words: b.concept("196461000000101", "Transfer-degraded drug allergy", text=words),
    "local": lambda words: b.concept("1151.", words, "http://read.info/readv2"),
}


def said(code: Any, **more: Any) -> Any:
    record = active(b.allergy(code=code, **more))
    found = allergy(record)
    assert found["statement"] == "no_known_allergy"
    assert not found["usable_for_decision_support"]
    assert not found["requires_prescribing_block"]
    return record


@pytest.mark.duty("CS-092")
def test_no_known_allergies_is_a_statement_and_no_allergy() -> None:
    record = said(NKA)
    assert "no_known_kinds" not in allergy(record)
    assert record["allergy_statement"] == "no_known_allergies"


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("409137002", ["drug"]),
        ("429625007", ["food"]),
        ("428607008", ["environmental"]),
        ("428197003", ["insect"]),
        ("716220001", ["animal"]),
        ("1003774007", ["latex"]),
        ("716184000", ["latex"]),
    ],
)
def test_no_known_allergy_of_a_kind_says_nothing_of_others(code: str, kinds: list[str]) -> None:
    record = said(b.concept(code, "No known something"))
    assert allergy(record)["no_known_kinds"] == kinds
    assert record["allergy_statement"] == "no_known_allergies_of_kind"
    assert record["no_known_allergy_kinds"] == kinds


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("words", "kinds"), [*((each, None) for each in GENERAL), *OF_KIND.items()])
def test_words_say_it_where_there_is_no_code(form: str, words: str, kinds: list[str] | None) -> None:
    record = said(FORMS[form](words))
    assert allergy(record).get("no_known_kinds") == kinds
    assert record["allergy_statement"] == ("no_known_allergies_of_kind" if kinds else "no_known_allergies")


@pytest.mark.duty("CS-092")
def test_the_narrower_words_of_the_gp_count_beside_the_code() -> None:
    record = said(b.concept("716186003", "No known allergy", text="No known drug allergies"))
    assert record["allergy_statement"] == "no_known_allergies_of_kind"


@pytest.mark.parametrize(
    "words",
    [
        "No known allergies except penicillin",
        "Nil known drug allergies other than aspirin",
        "No new allergies",
        "No severe allergies",
        "Allergies not known",
        "No allergies recorded",
        "Penicillin (no known drug allergies otherwise)",
        "Nickel",
        "Nut allergy",
        "No known drug allergy but reacts to plasters",
        "No known food allergies, penicillin allergy",
        "No known allergy to latex. Penicillin - rash",
        "No known. Penicillin allergy",
        "No known allergy to drugs and allergic to nuts",
        "No known allergies ペニシリン",
        "?NKDA",
        "NKDA - penicillin",
        "Mother has penicillin allergy",
        "Allergy to penicillin not known",
        "No family history of allergy",
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_anything_else_stays_an_allergy(form: str, words: str) -> None:
    record = active(b.allergy(code=FORMS[form](words)))
    assert allergy(record)["statement"] == "propensity"
    assert record["allergy_statement"] == "active_allergies"


PENICILLIN = b.coding("91936005", "Allergy to penicillin")
NONE = b.coding("716186003", "No known allergy")


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize(
    ("code", "is_usable"),
    [
        (b.concept("91936005", "Allergy to penicillin", text="NKDA"), True),
        (b.concept("91936005", "No known allergies"), True),
        ({"coding": [PENICILLIN, NONE]}, True),
        ({"coding": [NONE, PENICILLIN]}, False),
        ({"coding": [NONE, {**PENICILLIN, "display": None}]}, False),
        (b.concept("716186003", "No known allergy", text="Penicillin allergy"), False),
        (b.concept("716186003", "Allergy to penicillin"), False),
        (b.concept("409137002", text="No known drug allergy but reacts to plasters"), False),
        (b.concept("716186003", text="No new allergies"), False),
        (
            b.concept("14L1.", "H/O: penicillin allergy", "http://read.info/readv2", text="No known allergy"),
            False,
        ),
        (
            {
                "coding": [
                    b.coding("1", "Penicillin allergy", "http://read.info/readv2"),
                    b.coding("2", "No known allergies", "http://read.info/readv2"),
                ]
            },
            False,
        ),
        ({"coding": [b.coding("196461000000101", "Transfer-degraded"), PENICILLIN], "text": "NKA"}, False),
    ],
)
def test_where_codes_and_words_disagree_it_is_an_allergy(code: Any, is_usable: bool) -> None:
    record = active(b.allergy(code=code))
    found = allergy(record)
    assert found["statement"] == "propensity"
    assert "no_known_conflict" in found["issue_codes"]
    assert "no_known_conflict" in issue_codes(record)
    assert found["usable_for_decision_support"] == is_usable
    assert found["requires_prescribing_block"] != is_usable
    assert record["allergy_statement"] == "active_allergies"


@pytest.mark.parametrize("notes", [("Penicillin",), ("No known allergies", "Penicillin")], ids=["one", "two"])
def test_no_name_in_a_note_is_left_out_for_a_statement_of_none(notes: tuple[str, ...]) -> None:
    text = "No known allergies" if len(notes) == 1 else None
    code = b.concept("196461000000101", "Transfer-degraded drug allergy", text=text)
    found = allergy(active(b.allergy(code=code, note=[{"text": f"Allergen: {each}"} for each in notes])))
    assert found["statement"] == "propensity"
    assert "no_known_conflict" in found["issue_codes"]
    assert found["substance"]["term"] == (text or "No known allergies; Penicillin")


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (b.concept("716186003", "No known allergy", text="No allergies recorded"), None),
        (b.concept("716186003", text="No known allergies - checked by GP 3.4.2024"), None),
        (b.concept("716186003", text="Nil"), None),
        (b.concept("716186003", "No known drug allergy"), ["drug"]),
        (b.concept("409137002", text="No known penicillin allergy"), ["other"]),
        ({"coding": [NONE, b.coding("409137002", "No known drug allergy")]}, ["drug"]),
    ],
)
def test_words_beside_the_code_that_name_no_allergy_agree_with_it(code: Any, kinds: list[str] | None) -> None:
    assert allergy(said(code)).get("no_known_kinds") == kinds


@pytest.mark.duty("CS-044", "CS-092")
@pytest.mark.parametrize(
    "flaw",
    [
        {"warnings": ("confidential-items",)},
        {"warnings": ("data-in-transit",)},
        {"emptyReason": b.concept("withheld", None, "http://hl7.org/fhir/list-empty-reason")},
        {"entry": [{"item": b.reference("AllergyIntolerance/a1"), "deleted": "TRUE"}]},
        {"entry": [{"item": b.reference("AllergyIntolerance/a1")}, "AllergyIntolerance/a2"]},
        {"entry": [{"item": b.reference("AllergyIntolerance/a1")}, None]},
    ],
    ids=str,
)
def test_none_known_in_a_list_that_is_not_the_whole_says_nothing(flaw: Any) -> None:
    listed = b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1", **flaw)
    record = mapped(b.record(listed, b.ended_list(), b.allergy(code=NKA)))
    assert record["allergy_statement"] == "unavailable"
    assert allergy(record)["statement"] == "no_known_allergy"


@pytest.mark.duty("CS-044", "CS-092")
def test_none_known_beside_a_second_list_that_is_withheld_says_nothing() -> None:
    withheld = b.concept("withheld", None, "http://hl7.org/fhir/list-empty-reason")
    listed = b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1")
    record = mapped(
        b.record(listed, b.record_list(b.ALLERGIES_LIST, emptyReason=withheld), b.allergy(code=NKA))
    )
    assert record["allergy_statement"] == "unavailable"


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


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize(
    ("none", "category", "statement"),
    [
        ("409137002", "medication", "contradictory"),
        ("409137002", "environment", "active_allergies"),
        ("428607008", "environment", "contradictory"),
        ("429625007", "medication", "active_allergies"),
        ("716186003", "environment", "contradictory"),
    ],
)
def test_only_an_allergy_of_the_kind_contradicts(none: str, category: str, statement: str) -> None:
    record = active(b.allergy(category=[category]), b.allergy("a2", code=b.concept(none, "No known")))
    assert record["allergy_statement"] == statement


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize(
    "doubt",
    [
        {"clinicalStatus": None},
        {"modifierExtension": [{"url": "x", "valueBoolean": True}]},
        {"patient": b.reference("Patient/not-sent")},
    ],
    ids=["state", "modifier", "subject"],
)
def test_a_doubtful_statement_of_none_says_nothing(doubt: Any) -> None:
    assert said(NKA, **doubt)["allergy_statement"] == "unavailable"


NAMELESS = b.concept("196461000000101", "Transfer-degraded drug allergy")


@pytest.mark.duty("CS-083", "CS-084")
@pytest.mark.parametrize(
    "note",
    [
        "Allergy description: Penicillin allergy",
        "Certainty: likely\nALLERGY DESCRIPTION : Penicillin allergy\nSource: patient",
        "Allergen: Penicillin allergy",
    ],
)
def test_the_name_of_a_degraded_allergy_is_found_in_its_note(note: str) -> None:
    found = allergy(active(b.allergy(code=NAMELESS, note=[{"text": "Seen"}, {"text": note}])))
    assert (found["substance"]["term"], found["substance"]["term_from"]) == ("Penicillin allergy", "note")
    assert found["substance"]["coding_quality"] == "degraded"
    assert found["requires_prescribing_block"]
    assert not found["usable_for_decision_support"]
    assert found["notes"][1]["text"] == note


@pytest.mark.parametrize(
    ("code", "term"),
    [(DEGRADED_DRUG, "Allergy to paracetamol"), (b.concept("91936005", "Penicillin"), "Penicillin")],
    ids=["text", "coded"],
)
def test_a_name_of_its_own_is_not_replaced_by_the_note(code: Any, term: str) -> None:
    noted = b.allergy(code=code, note=[{"text": "Allergy description: Other"}])
    assert allergy(active(noted))["substance"]["term"] == term


def test_a_degraded_statement_of_none_in_a_note_is_no_allergy() -> None:
    record = said(NAMELESS, note=[{"text": "Allergy description: Nil known drug allergies"}])
    assert record["allergy_statement"] == "no_known_allergies_of_kind"


@pytest.mark.duty("CS-037", "CS-041")
def test_elements_that_are_set_aside_raise_an_issue() -> None:
    weal = {"manifestation": [b.concept("247472004", "Weal")], "note": [{"text": "Anaphylaxis"}]}
    record = active(b.allergy(reaction=[weal], onsetString="as a child"))
    paths = {each.get("path") for each in record["issues"] if each["code"] == "element_not_in_profile"}
    assert paths == {"reaction.note", "onsetString"}


@pytest.mark.duty("CS-092")
def test_no_known_allergies_beside_an_allergy_hides_nothing() -> None:
    record = active(b.allergy(), b.allergy("a2", code=NKA))
    assert record["allergy_statement"] == "contradictory"
    assert len(record["allergies"]) == 2
    assert "contradictory_nka" in issue_codes(record)


def test_an_ended_statement_of_no_known_allergies_says_nothing_now() -> None:
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(b.ended_allergy(code=NKA))))
    assert record["allergy_statement"] == "nothing_recorded"


@pytest.mark.duty("CS-083", "CS-084")
def test_a_degraded_drug_allergy_blocks_prescribing() -> None:
    found = allergy(active(b.allergy(code=DEGRADED_DRUG)))
    assert found["substance"]["coding_quality"] == "degraded"
    assert found["substance"]["term"] == "Allergy to paracetamol"
    assert found["requires_prescribing_block"]
    assert not found["usable_for_decision_support"]
    assert "degraded_code" in found["issue_codes"]


@pytest.mark.duty("CS-069", "CS-071", "CS-083", "CS-084")
def test_a_drug_allergy_without_a_snomed_code_names_the_code_to_degrade_to() -> None:
    found = allergy(
        active(b.allergy(code=b.concept("14LK.00", "H/O: aspirin allergy", "http://read.info/readv2")))
    )
    assert found["substance"]["coding_quality"] == "local_code_only"
    assert found["substance"]["degrade_code"] == "196461000000101"
    assert found["requires_prescribing_block"]


@pytest.mark.duty("CS-069", "CS-083", "CS-084")
def test_a_degraded_allergy_to_no_drug_does_not_block() -> None:
    code = b.concept("196471000000108", "Transfer-degraded non-drug allergy", text="Bee stings")
    assert not allergy(active(b.allergy(category=["environment"], code=code)))["requires_prescribing_block"]
    text_only = allergy(active(b.allergy(category=["environment"], code={"text": "Bee stings"})))
    assert text_only["substance"]["degrade_code"] == "196471000000108"
    assert not text_only["requires_prescribing_block"]


@pytest.mark.duty("CS-068")
def test_nothing_specific_is_inferred_where_the_category_is_not_known() -> None:
    found = allergy(active(b.allergy(category=["biologic"], code={"text": "Something"})))
    assert found["category"] == "unknown"
    assert found["substance"]["degrade_code"] == "196411000000103"
    assert found["requires_prescribing_block"]
    assert "unknown_category" in found["issue_codes"]


def test_medication_is_the_category_that_counts_of_two() -> None:
    assert allergy(active(b.allergy(category=["environment", "medication"])))["category"] == "medication"


@pytest.mark.duty("CS-089")
def test_verification_status_has_no_meaning() -> None:
    one = active(b.allergy(verificationStatus="unconfirmed"))
    other = active(b.allergy(verificationStatus="refuted"))
    one["allergies"][0]["provenance"]["content_hash"] = other["allergies"][0]["provenance"]["content_hash"]
    assert one["allergies"] == other["allergies"]


@pytest.mark.parametrize("state", ["inactive", "entered-in-error", None, 7])
def test_a_state_that_is_not_used_is_unknown_and_counts_as_an_allergy(state: Any) -> None:
    record = active(b.allergy(clinicalStatus=state))
    found = allergy(record)
    assert found["clinical_status"] == "unknown"
    assert found.get("source_status") == (None if state is None else str(state))
    assert not found["usable_for_decision_support"]
    assert record["allergy_statement"] == "active_allergies"


@pytest.mark.duty("CS-090")
def test_a_reaction_without_information_is_no_reaction() -> None:
    null = b.concept("NI", "NoInformation", "http://hl7.org/fhir/v3/NullFlavor ")
    record = active(
        b.allergy(reaction=[{"manifestation": [null], "severity": "mild", "description": "felt odd"}])
    )
    (reaction,) = allergy(record)["reactions"]
    assert reaction["manifestations"][0]["coding_quality"] == "null_flavour"
    assert "concept_id" not in reaction["manifestations"][0]
    assert (reaction["severity"], reaction["description"]) == ("mild", "felt odd")


@pytest.mark.duty("CS-091")
def test_last_occurrence_is_taken_when_sent_and_not_missed_otherwise() -> None:
    assert allergy(active(b.allergy(lastOccurrence="2020-01-01")))["last_occurrence"]["value"] == "2020-01-01"
    assert "last_occurrence" not in allergy(active(b.allergy()))


def test_onset_is_never_taken_from_the_assertion() -> None:
    assert "onset" not in allergy(active(b.allergy()))


def test_more_reactions_than_one_are_kept_and_noted() -> None:
    weal = {"manifestation": [b.concept("247472004", "Weal")]}
    found = allergy(active(b.allergy(reaction=[weal, weal])))
    assert len(found["reactions"]) == 2
    assert "extra_reaction" in found["issue_codes"]


def test_a_modifier_that_is_not_understood_keeps_an_allergy_from_decision_support() -> None:
    found = allergy(active(b.allergy(modifierExtension=[{"url": "x", "valueBoolean": True}])))
    assert not found["usable_for_decision_support"]
    assert "modifier_extension" in found["issue_codes"]


def test_an_active_allergy_outside_the_list_is_kept_and_marked() -> None:
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(), b.allergy()))
    assert "not_in_list" in allergy(record)["issue_codes"]
    assert record["allergy_statement"] == "active_allergies"
    assert not area(record, "allergies")["complete"]
