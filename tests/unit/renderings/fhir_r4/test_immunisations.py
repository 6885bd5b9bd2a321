"""Immunisations in R4: given, not given, and what cannot be told."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.r4 import absent, of_kind, rendered
from tests.support.whole_record import HL7

PROCEDURE = b.concept("822851000000102", "Seasonal influenza vaccination")
NULL = b.concept("UNK", "unknown", "http://hl7.org/fhir/v3/NullFlavor")
NOT_DONE = b.concept("1324881000000106", "Influenza vaccination declined")
VACCINE = b.concept("39114911000001105", "Generic vaccine suspension")


def immunization(**sent: Any) -> dict[str, Any]:
    resource = b.built(
        {
            "resourceType": "Immunization",
            "id": "i1",
            "identifier": b.identifier("im-1"),
            "extension": [{"url": f"{HL7}-VaccinationProcedure-1", "valueCodeableConcept": PROCEDURE}],
            "status": "completed",
            "notGiven": False,
            "patient": b.reference("Patient/p1"),
            "date": "2025-10-01",
        },
        sent,
    )
    [found] = of_kind(
        rendered(b.record_list("1102181000000102", "Immunization/i1"), resource), "Immunization"
    )
    return found


def notes(found: dict[str, Any]) -> list[str]:
    return [each["text"] for each in found.get("note", ())]


def test_one_that_was_given_is_completed_and_names_no_vaccine_that_was_not_named():
    found = immunization()
    assert found["status"] == "completed"
    assert found["vaccineCode"] == absent()
    [procedure] = [each for each in found["extension"] if each["url"].endswith("VaccinationProcedure")]
    assert procedure["valueCodeableConcept"]["coding"][0]["code"] == "822851000000102"
    assert found["occurrenceDateTime"] == "2025-10-01"
    assert "statusReason" not in found


def test_one_that_was_not_given_says_why():
    found = immunization(notGiven=True, explanation={"reasonNotGiven": [NOT_DONE, {"text": "Was ill"}]})
    assert found["status"] == "not-done"
    assert found["statusReason"]["coding"][0]["code"] == "1324881000000106"
    assert notes(found) == ["Reason for not giving it, as sent: Was ill"]


def test_one_that_was_not_given_for_no_reason_that_is_known_says_that():
    found = immunization(notGiven=True)
    assert (found["status"], found["statusReason"]) == ("not-done", absent())


@pytest.mark.parametrize("sent", [{"notGiven": None}, {"explanation": {"reasonNotGiven": [NOT_DONE]}}])
def test_one_of_which_it_cannot_be_told_is_neither_given_nor_not(sent: dict[str, Any]):
    found = immunization(**sent)
    assert "status" not in found
    assert found["_status"] == absent()
    assert "It cannot be told whether it was given." in notes(found)


def test_one_that_was_entered_in_error_is_that_and_not_completed():
    assert immunization(status="entered-in-error")["status"] == "entered-in-error"


@pytest.mark.parametrize("sent", ["stopped", "on-hold", "in-progress", "not-done", None])
def test_one_that_was_given_and_not_completed_has_no_state_and_keeps_the_one_that_was_sent(sent: str | None):
    found = immunization(status=sent)
    assert "status" not in found
    kept = [each["valueString"] for each in found["_status"]["extension"] if each["url"].endswith("as-sent")]
    assert kept == ([] if sent is None else [sent])
    assert absent()["extension"][0] in found["_status"]["extension"]
    assert notes(found) == ["It was sent as given, but not as completed."]
    assert immunization(status=sent, notGiven=True)["status"] == "not-done"


def test_the_product_is_the_vaccine_and_a_null_flavour_stays_one():
    assert immunization(vaccineCode=VACCINE)["vaccineCode"]["coding"][0]["code"] == "39114911000001105"
    assert immunization(vaccineCode=NULL)["vaccineCode"] == {**absent(), "text": "unknown"}


@pytest.mark.parametrize(
    ("sent", "element", "value"),
    [
        ("2004-05", "occurrenceDateTime", "2004-05"),
        ("around 2004", "occurrenceString", "around 2004"),
        (None, "_occurrenceDateTime", absent()),
    ],
)
def test_when_it_was_given_is_no_more_exact_than_it_was_sent(sent: str | None, element: str, value: Any):
    assert immunization(date=sent)[element] == value


def test_a_dose_with_a_comparator_is_told_in_words():
    dose = {"value": 0.5, "unit": "ml"}
    assert immunization(doseQuantity=dose)["doseQuantity"] == dose
    found = immunization(doseQuantity={**dose, "comparator": "<"})["doseQuantity"]
    assert "value" not in found
    assert found["unit"] == "< 0.5 ml"


def test_a_protocol_keeps_that_its_dose_does_not_count():
    status = b.concept("nocount", "Does not count", "http://hl7.org/fhir/vaccination-protocol-dose-status")
    protocol = {"doseSequence": 2, "seriesDoses": 3, "targetDisease": [{"text": "Flu"}], "doseStatus": status}
    [told] = immunization(vaccinationProtocol=[protocol])["protocolApplied"]
    assert (told["doseNumberPositiveInt"], told["seriesDosesPositiveInt"]) == (2, 3)
    assert [each["text"] for each in told["targetDisease"]] == ["Flu"]
    [dose_status] = told["extension"]
    assert dose_status["valueCodeableConcept"]["coding"][0]["code"] == "nocount"


def test_a_protocol_without_a_number_makes_none_up():
    [told] = immunization(vaccinationProtocol=[{"description": "Yearly"}])["protocolApplied"]
    assert told["_doseNumberPositiveInt"] == absent()
    assert told["extension"][0]["valueString"] == "Yearly"


def test_a_route_of_another_code_system_is_words():
    found = immunization(route=b.concept("IM", "Intramuscular", "http://local.example.nhs.uk/routes"))
    assert found["route"] == {"text": "Intramuscular"}


def test_what_was_not_seen_done_is_no_primary_source():
    assert immunization(primarySource=False)["primarySource"] is False
    assert "primarySource" not in immunization(primarySource=True)
