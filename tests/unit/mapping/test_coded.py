"""Concepts: the words the GP saw, every code, and how much the code is worth."""

from typing import Any

import pytest

from bridge.record import CodedText
from tests.support import bundles as b
from tests.support.mapped import course, issue_codes, mapped

DESCRIBED = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid"
READ = "http://read.info/readv2"


def described(
    code: str, display: str, term: str, url: str = DESCRIBED, prefix: str = "description", **more: Any
) -> Any:
    inner = [{"url": f"{prefix}Id", "valueId": "37443015"}, {"url": f"{prefix}Display", "valueString": term}]
    return b.coding(code, display, extension=[{"url": url, "extension": inner}], **more)


def term(code: Any) -> CodedText:
    bundle = b.record(b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1"), b.statement(), b.plan())
    return course(mapped({**bundle, "entry": [*bundle["entry"], {"resource": b.medication(code=code)}]}))[
        "medication"
    ]


@pytest.mark.duty("CS-061", "CS-062", "CS-063")
@pytest.mark.parametrize(
    ("code", "words", "source"),
    [
        (
            {"text": "Heart pill", "coding": [described("22298006", "Infarction", "Heart attack")]},
            "Heart pill",
            "text",
        ),
        ({"coding": [described("22298006", "Infarction", "Heart attack")]}, "Heart attack", "description"),
        ({"coding": [b.coding("22298006", "Infarction")]}, "Infarction", "display"),
        (
            {
                "coding": [
                    b.coding("22298006", "Infarction"),
                    b.coding("G30..00", "Coronary", READ, userSelected=True),
                ]
            },
            "Coronary",
            "display",
        ),
        (
            {"coding": [b.coding("G30..00", "Coronary", READ), b.coding("22298006", "Infarction")]},
            "Infarction",
            "display",
        ),
        ({"coding": [b.coding("22298006")]}, "22298006", "code"),
        ({"coding": [b.coding("22298006", " ")], "text": ""}, "22298006", "code"),
        ({}, "No information available", "placeholder"),
    ],
)
def test_the_term_is_what_the_gp_saw(code: Any, words: str, source: str) -> None:
    found = term(code)
    assert (found["term"], found["term_from"]) == (words, source)


@pytest.mark.duty("CS-061", "CS-063")
def test_the_original_text_is_kept_beside_the_preferred_term() -> None:
    found = term({"text": "Heart pill", "coding": [b.coding("22298006", "Infarction")]})
    assert (found["original_text"], found["preferred_term"]) == ("Heart pill", "Infarction")


@pytest.mark.duty("CS-064", "CS-065", "CS-067")
def test_every_coding_is_kept_in_order_and_snomed_is_found_by_its_system() -> None:
    found = term(
        {
            "coding": [
                b.coding("FUTA17676NEMIS", "Furosemide", "https://fhir.hl7.org.uk/Id/emis-drug-codes"),
                b.coding("317972000", "Furosemide 40mg tablets"),
                b.coding("317973005", "Furosemide", userSelected=True),
            ]
        }
    )
    assert [each["code"] for each in found["codings"]] == ["FUTA17676NEMIS", "317972000", "317973005"]
    assert found["concept_id"] == "317973005"
    assert found["coding_quality"] == "coded"
    assert found["codings"][2]["user_selected"] is True


@pytest.mark.duty("CS-070")
@pytest.mark.parametrize(
    ("sent", "held"), [(True, True), ("true", True), (False, None), ("false", None), (None, None)]
)
def test_user_selected_is_false_unless_it_is_sent_as_true(sent: Any, held: bool | None) -> None:
    (coding,) = term({"coding": [b.coding("22298006", "Infarction", userSelected=sent)]})["codings"]
    assert coding.get("user_selected") == held


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        (DESCRIBED, "description"),
        ("http://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid", "Description"),
        ("https://fhir.nhs.uk/STU3/StructureDefinition/extension-coding-sctdecsid", "description"),
    ],
)
def test_every_spelling_of_the_description_is_read(url: str, prefix: str) -> None:
    found = term({"coding": [described("22298006", "Infarction", "Heart attack", url, prefix)]})
    assert found["description_id"] == "37443015"
    assert found["codings"][0]["description_term"] == "Heart attack"


@pytest.mark.duty("CS-066")
def test_systems_are_case_sensitive_and_blanks_around_codes_do_not_count() -> None:
    assert (
        term({"coding": [b.coding("22298006", "x", "http://SNOMED.info/sct")]})["coding_quality"]
        == "local_code_only"
    )
    assert term({"coding": [b.coding(" 86290005 ", "x")]})["concept_id"] == "86290005"


@pytest.mark.duty("CS-071", "CS-073")
@pytest.mark.parametrize(
    ("code", "quality"),
    [
        (b.concept("323509004", "Amoxicillin"), "coded"),
        (b.concept("196421000000109", "Transfer-degraded medication entry", text="Cream mix"), "degraded"),
        (b.concept("ABC", "Local", "https://fhir.hl7.org.uk/Id/emis-drug-codes"), "local_code_only"),
        (b.concept("TBD", "No concept"), "local_code_only"),
        ({"text": "Cream"}, "text_only"),
        ({"coding": [{"display": "Cream"}]}, "text_only"),
        ({}, "empty"),
        (None, "empty"),
        ("Cream", "empty"),
    ],
)
def test_how_much_a_code_is_worth(code: Any, quality: str) -> None:
    assert term(code)["coding_quality"] == quality


@pytest.mark.duty("CS-066", "CS-067")
@pytest.mark.parametrize(
    ("code", "is_concept"),
    [
        ("22298006", True),
        ("317972000", True),
        ("38268001", True),
        ("196421000000109", True),
        ("999000011000001104", True),
        ("151311019", False),  # a description
        ("22298007", False),  # its check digit is wrong
        ("2229800", False),
        ("022298006", False),
        ("12345", False),
        ("1" * 19, False),
    ],
)
def test_a_snomed_code_is_one_only_if_it_can_be_a_concept(code: str, *, is_concept: bool) -> None:
    bundle = b.record(b.medication(code=b.concept(code, "Words")), b.statement(), b.plan())
    record = mapped(bundle)
    found = course(record)["medication"]
    assert ("concept_id" in found) == is_concept
    assert (found["coding_quality"] in ("coded", "degraded")) == is_concept
    assert found["codings"][0]["code"] == code
    assert ("invalid_snomed_code" in issue_codes(record)) == (not is_concept)


def test_a_concept_is_found_behind_a_number_that_is_none() -> None:
    found = term(
        {"coding": [b.coding("151311019", "x", userSelected=True), b.coding("22298006", "Infarction")]}
    )
    assert found["concept_id"] == "22298006"


@pytest.mark.duty("CS-069", "CS-073")
def test_a_medication_without_a_snomed_code_names_the_code_to_degrade_to() -> None:
    assert term({"text": "Cream"})["degrade_code"] == "196421000000109"
    assert "degrade_code" not in term(b.concept("323509004", "Amoxicillin"))


@pytest.mark.duty("CS-066")
def test_the_type_of_a_prescription_and_who_prescribed_go_by_their_systems() -> None:
    local = b.coding("acute", "A", "https://supplier.example/types")
    kind, by = b.prescription_type("repeat"), b.agency("prescribed-by-another-organisation")
    for extension in (kind, by):
        extension["valueCodeableConcept"]["coding"].insert(0, local)
    found = course(mapped(b.record(b.medication(), b.statement(extension=[by]), b.plan(extension=[kind]))))
    assert found["plan"]["prescription_type"] == "repeat"
    assert found["prescribed_by"] == "other_organisation"
