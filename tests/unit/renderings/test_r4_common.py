"""Elements of FHIR R4: nothing is made up, and nothing that was sent looks like something else."""

from typing import Any

import orjson
import pytest

from bridge.record.dates import partial_date
from bridge.renderings.fhir_r4.common import concept, put_date, quantity, simple_quantity
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.uk_core import AS_SENT, DATA_ABSENT_REASON

HEADER = {"patient_key": "k1-0", "holder_ods": "A82038"}
SNOMED = {"system": "http://snomed.info/sct", "code": "91936005", "display": "Allergy to penicillin"}


def item(name: str, **provenance):
    return {
        "item_id": name,
        "issue_codes": [],
        "provenance": {
            "source_ref": f"AllergyIntolerance/{name}",
            "content_hash": "sha256:0",
            "business_ids": [],
            "problem_refs": [],
            "list_codes": [],
            "security_labels": [],
            **provenance,
        },
    }


@pytest.mark.parametrize(
    ("sent", "written", "kept"),
    [
        ("2004", "2004", False),
        ("2004-05", "2004-05", False),
        ("2004-05-06", "2004-05-06", False),
        ("2004-05-06T07:08:09+01:00", "2004-05-06T07:08:09+01:00", False),
        ("2004-05-06T07:08Z", "2004-05-06T07:08:00Z", True),
        ("2004-05-06T07:08:09+0100", "2004-05-06T07:08:09+01:00", True),
        ("2004-05-06T07:08:09", "2004-05-06", True),
        ("06/05/2004", None, True),
        ("1900-01-01", None, True),
    ],
)
def test_a_date_is_as_precise_as_it_was_sent_and_never_one_that_was_not(sent, written, kept):
    element: dict = {}
    put_date(element, "authoredOn", partial_date(sent))
    assert element.get("authoredOn") == written
    extensions = element.get("_authoredOn", {}).get("extension", [])
    assert [each["valueString"] for each in extensions if each["url"] == AS_SENT] == ([sent] if kept else [])
    assert any(each["url"] == DATA_ABSENT_REASON for each in extensions) is (written is None)


def test_a_degraded_code_is_never_a_code():
    text: Any = {
        "term": "Penicillin V",
        "term_from": "text",
        "coding_quality": "degraded",
        "codings": [{"system": "http://snomed.info/sct", "code": "196461000000101"}],
        "concept_id": "196461000000101",
    }
    assert concept(text, "ukcore-current") == {"text": "Penicillin V"}
    text |= {"coding_quality": "coded", "codings": [SNOMED]}
    assert concept(text, "ukcore-current") == {"coding": [SNOMED], "text": "Penicillin V"}


def test_the_description_that_was_chosen_stands_where_the_profile_has_it():
    coding = {**SNOMED, "description_id": "151541000006118", "description_term": "Penicillin allergy"}
    text: Any = {"term": "x", "term_from": "text", "coding_quality": "coded", "codings": [coding]}
    (current,) = concept(text, "ukcore-current")["coding"][0]["extension"]
    assert (current["url"].rpartition("-")[2], current["valueString"]) == (
        "CodingSCTDescDisplay",
        "Penicillin allergy",
    )
    # As in coding-sctdescid-3to4_000 of the published pairs.
    (pair,) = concept(text, "pair-2022")["coding"][0]["extension"]
    assert pair["url"].rpartition("-")[2] == "CodingSCTDescId"
    assert pair["extension"] == [
        {
            "url": "descriptionId",
            "valueIdentifier": {"system": "http://snomed.info/sct", "value": "151541000006118"},
        },
        {"url": "descriptionDisplay", "valueString": "Penicillin allergy"},
    ]


def test_an_amount_has_the_digits_and_the_comparator_it_was_sent_with():
    sent: Any = {"value": 1.5, "value_as_sent": "1.50", "comparator": "<", "unit": "mg"}
    assert orjson.dumps(quantity(sent)) == b'{"comparator":"<","value":1.50,"unit":"mg"}'
    # Where R4 has no comparator the amount must not be read without it.
    simple = simple_quantity(sent)
    assert ("value" in simple, simple["unit"]) == (False, "< 1.50 mg")
    unknown: Any = {**sent, "comparator": "about"}
    assert ("value" in quantity(unknown), quantity(unknown)["unit"]) == (False, "about 1.50 mg")
    assert simple_quantity({"value": 28.0, "unit": "tablet"}) == {"value": 28, "unit": "tablet"}
    assert simple_quantity({"text": "1 pack of 28 tablet(s)"})["unit"] == "1 pack of 28 tablet(s)"


def test_ids_stay_over_answers_and_differ_between_patients_and_practices():
    def made(**header):
        return R4Scope(HEADER | header, "ukcore-current").start("AllergyIntolerance", item("1"))["id"]

    assert made() == made(retrieved_at="later")
    assert len({made(), made(patient_key="k1-1"), made(holder_ods="B")}) == 3


def test_references_lead_to_resources_of_the_bundle_or_say_what_the_practice_calls_it():
    scope = R4Scope(HEADER, "ukcore-current")
    ahead, nowhere = scope.reference("AllergyIntolerance/1"), scope.reference("Encounter/9", "A visit")
    resource = scope.start("AllergyIntolerance", item("1", security_labels=["NOPAT"]))
    scope.settle()
    assert ahead == {"reference": f"urn:uuid:{resource['id']}"}
    assert nowhere == {
        "display": "A visit",
        "identifier": {"system": "urn:gpconnect-bridge:source-ref", "value": "Encounter/9"},
        "type": "Encounter",
    }
    assert resource["meta"]["security"][0]["code"] == "NOPAT"


def test_who_took_part_is_one_resource_however_often_named_and_words_where_r4_allows_no_such_party():
    scope = R4Scope(HEADER, "ukcore-current")
    doctor: Any = {
        "kind": "practitioner",
        "ref": "Practitioner/1",
        "name": "Dr A",
        "role": "General practitioner",
        "professional_ids": {"gmc_number": "1234567"},
        "organisation_ods": "A82038",
        "organisation_name": "Surgery",
    }
    copy: Any = {**doctor}
    first, again = scope.party(doctor), scope.party(copy)
    assert first == again
    assert [each["resourceType"] for each in scope.shared] == [
        "Practitioner",
        "Organization",
        "PractitionerRole",
    ]
    assert all(each["meta"]["profile"] for each in scope.shared)
    assert scope.party({"kind": "organisation", "name": "Surgery"}) == {"display": "Surgery"}
    assert scope.party({"kind": "patient"}) == scope.patient
    assert scope.party(None) is None
