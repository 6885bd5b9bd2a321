"""Whose record it is."""

from datetime import date
from typing import Any

import orjson
import pytest

from bridge.mapping import Asked, map_record
from tests.support import bundles as b
from tests.support.mapped import SOURCE, issue_codes, mapped

RIGHT = {
    "birth_date": date(1950, 1, 31),
    "family_name": "SAMPLE",
    "given_name": "Ada",
    "gender": "female",
    "practice_ods": b.ODS,
}


@pytest.mark.duty("CS-048", "CS-050", "CS-051", "SP-107", "JO-014", "JO-015")
def test_all_details_match() -> None:
    check: Any = mapped(b.typical_record(), **RIGHT)["demographics"]
    assert check == {
        "nhs_number": "match",
        "birth_date": "match",
        "family_name": "match",
        "given_name": "match",
        "gender": "match",
        "practice_ods": "match",
        "differences": [],
        "verdict": "accept",
    }


@pytest.mark.duty("CS-048", "CS-049", "CS-050", "JO-013", "JO-014", "JO-015")
@pytest.mark.parametrize(
    ("field", "asked", "shown", "returned"),
    [
        ("birth_date", date(1950, 2, 1), "1950-02-01", "1950-01-31"),
        ("family_name", "Simple", "Simple", "Sample"),
        ("given_name", "Eda", "Eda", "Ada May"),
        ("gender", "male", "male", "female"),
        ("practice_ods", "B11111", "B11111", b.ODS),
    ],
)
def test_a_difference_is_shown_with_both_values_and_wants_review(
    field: str, asked: Any, shown: str, returned: str
) -> None:
    check = mapped(b.typical_record(), **{**RIGHT, field: asked})["demographics"]
    assert check["differences"] == [{"field": field, "asked": shown, "returned": returned}]
    assert check["verdict"] == "review"


@pytest.mark.parametrize("name", ["sample", "SAMPLE", "Sämple", "Sam-ple", " Sam ple"])
def test_names_are_compared_without_case_accents_and_punctuation(name: str) -> None:
    assert mapped(b.typical_record(), family_name=name)["demographics"]["verdict"] == "accept"


def test_a_detail_that_was_not_sent_cannot_confirm() -> None:
    record = b.record()
    record["entry"][0]["resource"] = b.patient(birthDate=None)
    check = mapped(record, birth_date=date(1950, 1, 31))["demographics"]
    assert (check["birth_date"], check["verdict"]) == ("absent", "review")


@pytest.mark.duty("CS-051")
def test_another_patients_record_is_rejected_and_nothing_of_it_is_taken() -> None:
    record = mapped(b.typical_record(), nhs_number=b.OTHER_NHS_NUMBER, family_name="Sample")
    assert record["demographics"]["verdict"] == "reject"
    assert record["demographics"]["nhs_number"] == "mismatch"
    assert record["medications"] == []
    assert record["allergies"] == []
    assert "nhs_number" not in record
    written = orjson.dumps(record).decode()
    assert b.NHS_NUMBER not in written
    assert "penicillin" not in written


@pytest.mark.duty("CS-051")
def test_a_bundle_without_a_patient_is_mapped_and_rejected() -> None:
    record = mapped(b.bundle(b.statement(), b.plan(), b.medication()))
    assert record["demographics"]["verdict"] == "reject"
    assert record["demographics"]["nhs_number"] == "absent"
    assert "nhs_number" not in record
    assert len(record["medications"]) == 1


def test_nobody_asked_so_a_person_has_to_look() -> None:
    record = map_record(b.typical_record(), asked=Asked(), source=SOURCE)
    assert record["demographics"]["nhs_number"] == "not_checked"
    assert record["demographics"]["verdict"] == "review"
    assert record["nhs_number"] == b.NHS_NUMBER


@pytest.mark.duty("CS-051")
@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p2"},
        {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": b.OTHER_NHS_NUMBER}},
    ],
)
def test_an_item_of_another_patient_is_set_aside_without_its_words(subject: dict[str, Any]) -> None:
    record = mapped(
        b.record(
            b.patient("p2", b.OTHER_NHS_NUMBER),
            b.allergy(patient=subject),
            b.statement(subject=subject),
            b.medication(),
            b.allergy("a2"),
        )
    )
    assert [each["item_id"] for each in record["allergies"]] == [f"{b.DATA}|ai-a2"]
    assert record["medications"] == []
    aside = {each["source_ref"]: each for each in record["unmapped"]}
    assert aside["AllergyIntolerance/a1"]["reason"] == "wrong_patient"
    assert aside["MedicationStatement/s1"]["reason"] == "wrong_patient"
    assert aside["Patient/p2"]["reason"] == "wrong_patient"
    assert all("display" not in each for each in record["unmapped"])


def test_a_subject_that_was_not_sent_is_an_issue_and_no_more() -> None:
    record = mapped(b.record(b.allergy(patient=b.reference("Patient/nowhere"))))
    assert len(record["allergies"]) == 1
    assert "subject_unresolved" in issue_codes(record)


def test_the_practice_comes_from_the_call_else_from_the_bundle() -> None:
    record = mapped(b.typical_record())
    assert (record["holder_ods"], record["holder_name"]) == (b.ODS, "Test Surgery")
    assert record["allergies"][0]["provenance"]["holder_ods"] == b.ODS
    registered = b.bundle(
        b.patient(managingOrganization=None, generalPractitioner=[b.reference("Organization/org1")]),
        b.organisation(),
    )
    assert mapped(registered)["holder_ods"] == b.ODS
    assert "holder_ods" not in mapped(b.bundle(b.patient()))


def test_a_superseded_number_stays_visible() -> None:
    record = mapped(b.typical_record(), superseded_nhs_number=b.OTHER_NHS_NUMBER)
    assert record["superseded_nhs_number"] == b.OTHER_NHS_NUMBER
