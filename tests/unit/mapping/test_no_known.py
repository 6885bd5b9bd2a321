"""Statements that no allergy is known, of any kind or of some."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import active_allergies, allergy, issue_codes, mapped

NKA = b.concept("716186003", "No known allergy")
NAMELESS = b.concept("196461000000101", "Transfer-degraded drug allergy")


GENERAL = [
    "no known allergies",
    "NKA - No known allergy",
    "No allergies",
    "Allergies: none known",
    "nka",
    "NKAs",
]


GENERAL += [
    "No known allergies to date",
    "No known allergies - confirmed with patient 12/3/2020",
    "Allergies: nil",
]


OF_KIND = {
    "nil known drug allergies": ["drug"],
    "NKDA": ["drug"],
    "NKDAs": ["drug"],
    "No known environmental allergies": ["environmental"],
    "No known allergy to insects": ["insect"],
    "No known drug allergy": ["drug"],
    "No known food or animal allergies": ["animal", "food"],
    "No known allergy to latex": ["latex"],
    "No known penicillin allergy": ["other"],
    "N.K.D.A.": ["drug"],
    "Allergies: NKDA": ["drug"],
    "No known food/drug allergies": ["drug", "food"],
    "**No known 'drug' allergies**": ["drug"],
    "No known intolerances": ["other"],
    "No known adverse reactions": ["other"],
}


FORMS = {
    "text": lambda words: {"text": words},
    "degraded": lambda words: b.concept("196461000000101", "Transfer-degraded drug allergy", text=words),
    "local": lambda words: b.concept("1151.", words, "http://read.info/readv2"),
}


def said(code: Any, **more: Any) -> Any:
    record = active_allergies(b.allergy(code=code, **more))
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
    record = active_allergies(b.allergy(code=FORMS[form](words)))
    assert allergy(record)["statement"] == "propensity"
    assert record["allergy_statement"] == "active_allergies"


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize("words", ["Latex", None])
def test_the_digits_of_its_code_say_nothing_in_another_code_system(words: str | None) -> None:
    record = active_allergies(b.allergy(code=b.concept("716186003", words, "http://read.info/readv2")))
    assert allergy(record)["statement"] == "propensity"
    assert "no_known_conflict" not in issue_codes(record)
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
    record = active_allergies(b.allergy(code=code))
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
    found = allergy(
        active_allergies(b.allergy(code=code, note=[{"text": f"Allergen: {each}"} for each in notes]))
    )
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
    record = active_allergies(
        b.allergy(category=[category]), b.allergy("a2", code=b.concept(none, "No known"))
    )
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


def test_a_degraded_statement_of_none_in_a_note_is_no_allergy() -> None:
    record = said(NAMELESS, note=[{"text": "Allergy description: Nil known drug allergies"}])
    assert record["allergy_statement"] == "no_known_allergies_of_kind"


@pytest.mark.duty("CS-092")
def test_no_known_allergies_beside_an_allergy_hides_nothing() -> None:
    record = active_allergies(b.allergy(), b.allergy("a2", code=NKA))
    assert record["allergy_statement"] == "contradictory"
    assert len(record["allergies"]) == 2
    assert "contradictory_nka" in issue_codes(record)


def test_an_ended_statement_of_no_known_allergies_says_nothing_now() -> None:
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(b.ended_allergy(code=NKA))))
    assert record["allergy_statement"] == "nothing_recorded"
