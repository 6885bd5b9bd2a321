"""A practice's patient as a record."""

from datetime import date
from typing import Any

import pytest
from pydantic import TypeAdapter

from bridge.mapping import Asked, map_patient
from bridge.record.patients import PracticePatient
from tests.support.bundles import NHS_NUMBER
from tests.support.diaries import PRACTICE

EXTENSION = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-"
ASKED = Asked(
    nhs_number=NHS_NUMBER,
    birth_date=date(1948, 3, 17),
    family_name="O'Brien",
    given_name="Siân",
    gender="female",
)


def coded(system: str, code: str, display: str) -> dict[str, Any]:
    return {
        "coding": [
            {"system": f"https://fhir.nhs.uk/STU3/CodeSystem/{system}", "code": code, "display": display}
        ]
    }


def patient(**changes: Any) -> dict[str, Any]:
    verified = coded("CareConnect-NHSNumberVerificationStatus-1", "01", "Number present and verified")
    return {
        "resourceType": "Patient",
        "id": "p-2",
        "meta": {"versionId": "3"},
        "identifier": [
            {
                "system": "https://fhir.nhs.uk/Id/nhs-number",
                "value": NHS_NUMBER,
                "extension": [
                    {"url": EXTENSION + "NHSNumberVerificationStatus-1", "valueCodeableConcept": verified}
                ],
            }
        ],
        "extension": [
            {
                "url": EXTENSION + "RegistrationDetails-1",
                "extension": [
                    {
                        "url": "registrationType",
                        "valueCodeableConcept": coded("CareConnect-RegistrationType-1", "T", "Temporary"),
                    },
                    {
                        "url": "registrationPeriod",
                        "valuePeriod": {"start": "2027-03-01", "end": "2027-06-01"},
                    },
                    {"url": "preferredBranchSurgery", "valueReference": {"reference": "Location/17"}},
                    {"url": "preferredBranchSurgery", "valueReference": {"reference": "Location/18"}},
                ],
            },
            {
                "url": EXTENSION + "NHSCommunication-1",
                "extension": [
                    {
                        "url": "language",
                        "valueCodeableConcept": coded("CareConnect-HumanLanguage-1", "pl", "Polish"),
                    },
                    {"url": "interpreterRequired", "valueBoolean": True},
                ],
            },
        ],
        "name": [
            {"use": "usual", "text": "Nick"},
            {"use": "official", "family": "O'Brien", "given": ["Siân", "Mary"], "prefix": ["Mrs"]},
        ],
        "telecom": [{"system": "phone", "value": "0113 496 0100", "use": "home"}],
        "gender": "female",
        "birthDate": "1948-03-17",
        "address": [{"use": "home", "line": ["7 Moor Lane"], "city": "Leeds", "postalCode": "LS2 7AB"}],
        "contact": [
            {
                "name": {"text": "Tom O'Brien"},
                "relationship": [{"text": "Son"}],
                "telecom": [{"system": "phone", "value": "07700 900100"}],
            }
        ],
    } | changes


def mapped(resource: dict[str, Any], asked: Asked = ASKED) -> PracticePatient:
    found = map_patient(resource, practice_ods_code=PRACTICE, asked=asked)
    return TypeAdapter(PracticePatient).validate_python(found, strict=True)


@pytest.mark.duty("FN-036", "SP-107", "JO-016")
def test_all_that_a_practice_says_of_a_patient():
    found = mapped(patient())
    demographics = found.pop("demographics")  # type: ignore[misc]  # looked at by itself
    assert demographics["verdict"] == "accept"
    assert demographics["differences"] == []
    assert found == {
        "practice_ods_code": PRACTICE,
        "patient_id": "p-2",
        "version_id": "3",
        "nhs_number": NHS_NUMBER,
        "nhs_number_verified": True,
        "name": {
            "text": "Mrs Siân Mary O'Brien",
            "family": "O'Brien",
            "given": ["Siân", "Mary"],
            "prefix": ["Mrs"],
        },
        "birth_date": {"value": "1948-03-17", "precision": "day"},
        "gender": "female",
        "addresses": [{"lines": ["7 Moor Lane"], "use": "home", "city": "Leeds", "postcode": "LS2 7AB"}],
        "contacts": [{"value": "0113 496 0100", "system": "phone", "use": "home"}],
        "contact_persons": [
            {
                "name": "Tom O'Brien",
                "relationship": "Son",
                "contacts": [{"value": "07700 900100", "system": "phone"}],
            }
        ],
        "languages": [{"language": "Polish", "language_code": "pl", "interpreter_required": True}],
        "registration": {
            "kind": "temporary",
            "kind_code": "T",
            "kind_text": "Temporary",
            "starts": {"value": "2027-03-01", "precision": "day"},
            "ends": {"value": "2027-06-01", "precision": "day"},
        },
        "preferred_branch_location_id": "17",
        "issue_codes": [],
    }


@pytest.mark.duty("FN-036", "SP-107")
def test_differences_are_for_a_person_to_look_at():
    found = mapped(patient(birthDate="1950-01-01", gender="male"))
    assert found["demographics"]["verdict"] == "review"
    assert {each["field"] for each in found["demographics"]["differences"]} == {"birth_date", "gender"}
    assert mapped(patient(address=[]))["demographics"]["verdict"] == "accept", "addresses are never compared"
    assert mapped(patient(), Asked(nhs_number="9990000026"))["demographics"]["verdict"] == "reject"


def test_of_an_address_whatever_is_sent_is_kept():
    sent = [{"city": "Leeds"}, {"country": "Wales", "district": "Gwynedd"}, {"text": "1 High Street"}, {}]
    assert mapped(patient(address=sent))["addresses"] == [
        {"lines": [], "city": "Leeds"},
        {"lines": [], "district": "Gwynedd", "country": "Wales"},
        {"lines": ["1 High Street"]},
    ]


def test_a_patient_goes_by_the_name_that_is_official_else_by_one_in_use():
    names = [
        {"use": "maiden", "text": "Siân Jones"},
        {"use": "usual", "text": "Nick"},
        {"use": "nickname", "text": "Nicky"},
        {"use": "official", "text": "Siân O'Brien"},
        {"use": "official", "text": "Siân Smith"},
    ]
    assert [mapped(patient(name=names[: at + 1]))["name"]["text"] for at in range(5)] == [
        "Siân Jones",
        "Nick",
        "Nick",
        "Siân O'Brien",
        "Siân O'Brien",
    ]


def test_registrations_of_other_kinds_and_none():
    def registered(concept: dict[str, Any]) -> PracticePatient:
        details = {"url": "registrationType", "valueCodeableConcept": concept}
        return mapped(
            patient(extension=[{"url": EXTENSION + "RegistrationDetails-1", "extension": [details]}])
        )

    other = registered({"coding": [{"code": "O"}], "text": "Walk-in"})["registration"]
    assert other == {"kind": "other", "kind_code": "O", "kind_text": "Walk-in"}
    assert registered({"coding": [{"code": "R"}]})["registration"]["kind"] == "regular"
    local = {"system": "https://supplier.example/registrations", "code": "R"}
    official = coded("CareConnect-RegistrationType-1", "T", "Temporary")["coding"]
    assert registered({"coding": [local, *official]})["registration"]["kind"] == "temporary"
    assert registered({"coding": [local]})["registration"]["kind"] == "other"
    assert "registration" not in mapped(patient(extension=[]))


@pytest.mark.parametrize("element", [{"modifierExtension": [{"url": "urn:x"}]}, {"implicitRules": "urn:x"}])
def test_what_may_change_its_meaning_is_told_and_looked_at_by_a_person(element: dict[str, Any]) -> None:
    plain, odd = (
        map_patient(patient(**each), practice_ods_code=PRACTICE, asked=ASKED) for each in ({}, element)
    )
    assert (plain["demographics"]["verdict"], odd["demographics"]["verdict"]) == ("accept", "review")
    assert {"modifier_extension", "implicit_rules"} & set(odd["issue_codes"])


def test_what_was_mended_to_read_the_answer_is_told() -> None:
    shown = map_patient(patient(), practice_ods_code=PRACTICE, asked=ASKED, issues=["byte_order_mark"])
    assert "byte_order_mark" in shown["issue_codes"]
