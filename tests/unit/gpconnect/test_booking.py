"""What is sent to book, amend, cancel and register, and what an error answer means."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from fhir.resources.STU3.patient import Patient

from bridge.contracts.appointments import Offer
from bridge.contracts.patients import RegistrationDetails
from bridge.contracts.requests import Organisation
from bridge.gpconnect import NewRegistration, PracticeBooking, ResourceId, StoredAppointment
from bridge.gpconnect.appointments import amended, cancelled
from bridge.gpconnect.booking import check_booking
from bridge.spine.interactions import FIND_PATIENT, READ_PATIENT, SEARCH_SLOTS
from tests.support.diaries import MONDAY, PRACTICE

PROFILES = "https://fhir.nhs.uk/STU3/StructureDefinition/"
NUMBER = "9990000018"


def offer(slot_id: str = "12", start: datetime = MONDAY, minutes: int = 10, **changes: Any) -> Offer:
    fields = {
        "practice_ods_code": PRACTICE,
        "slot_id": slot_id,
        "schedule_id": "14",
        "location_id": "17",
        "practitioner_id": "2",
        "start": start,
        "end": start + timedelta(minutes=minutes),
        "delivery_channel": "In-person",
        "service_type": "Routine",
    }
    return Offer.model_validate(fields | changes)


def booking(*slots: Offer, **changes: Any) -> PracticeBooking:
    fields: dict[str, Any] = {
        "patient": ResourceId(PRACTICE, "Patient", "p-2"),
        "slots": slots or (offer(),),
        "organisation": Organisation(ods_code="RXX", name="Example Hospital"),
        "organisation_phone": "0113 496 0001",
        "created": datetime(2027, 3, 1, 10, 15, 0, 999, tzinfo=UTC),
        "description": "Wound check",
    }
    return PracticeBooking(**(fields | changes))


@pytest.mark.duty("AP-051", "AP-054")  # the engine adds nothing to the texts of the request
def test_a_booking_says_what_the_profile_asks_for_and_nothing_else():
    second = offer("13", MONDAY + timedelta(minutes=10))
    assert orjson.loads(booking(second, offer(), comment="Dressing").body()) == {
        "resourceType": "Appointment",
        "meta": {"profile": [PROFILES + "GPConnect-Appointment-1"]},
        "contained": [
            {
                "resourceType": "Organization",
                "id": "1",
                "meta": {"profile": [PROFILES + "CareConnect-GPC-Organization-1"]},
                "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXX"}],
                "name": "Example Hospital",
                "telecom": [{"system": "phone", "value": "0113 496 0001"}],
            }
        ],
        "extension": [
            {
                "url": PROFILES + "Extension-GPConnect-BookingOrganisation-1",
                "valueReference": {"reference": "#1"},
            }
        ],
        "status": "booked",
        "description": "Wound check",
        "comment": "Dressing",
        "start": "2027-03-15T08:30:00+00:00",
        "end": "2027-03-15T08:50:00+00:00",
        "slot": [{"reference": "Slot/12"}, {"reference": "Slot/13"}],
        "created": "2027-03-01T10:15:00+00:00",
        "participant": [
            {"actor": {"reference": "Patient/p-2"}, "status": "accepted"},
            {"actor": {"reference": "Location/17"}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/2"}, "status": "accepted"},
        ],
    }


@pytest.mark.duty("AP-048")
def test_the_type_of_the_organisation_is_said_when_it_was_searched_with():
    body = orjson.loads(booking(offer(organisation_type="urgent-care")).body())
    coding = {
        "system": "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1",
        "code": "urgent-care",
    }
    assert body["contained"][0]["type"] == [{"coding": [coding]}]


@pytest.mark.duty("AP-055", "AP-056", "AP-057")
def test_nothing_forbidden_is_sent():
    body = orjson.loads(booking(offer(practitioner_id=None)).body())
    assert not {"id", "reason", "specialty", "comment", "indication", "identifier"} & body.keys()
    assert "versionId" not in body["meta"]
    assert [extension["url"].rpartition("/")[2] for extension in body["extension"]] == [
        "Extension-GPConnect-BookingOrganisation-1"
    ]
    assert [actor["actor"]["reference"] for actor in body["participant"]] == ["Patient/p-2", "Location/17"]


@pytest.mark.duty("AP-004", "AP-041")
def test_slots_either_side_of_a_change_of_clocks_follow_each_other():
    before = offer("1", datetime(2027, 3, 28, 0, 50, tzinfo=UTC))
    after = offer("2", datetime.fromisoformat("2027-03-28T02:00:00+01:00"))
    both = booking(before, after)
    check_booking(both, now=MONDAY)
    body = orjson.loads(both.body())
    assert (body["start"], body["end"]) == ("2027-03-28T00:50:00+00:00", "2027-03-28T02:10:00+01:00")


@pytest.mark.duty("AP-058")
def test_texts_of_the_longest_kind_are_sent_whole():
    longest = booking(description="é" * 100, comment="x" * 500)
    check_booking(longest, now=MONDAY - timedelta(days=1))
    body = orjson.loads(longest.body())
    assert (len(body["description"]), len(body["comment"])) == (100, 500)


STORED: dict[str, Any] = {
    "resourceType": "Appointment",
    "id": "148",
    "meta": {"versionId": "7", "profile": [PROFILES + "GPConnect-Appointment-1"], "tag": [{"code": "kept"}]},
    "contained": [{"resourceType": "Organization", "id": "1", "name": "Example Hospital"}],
    "extension": [{"url": "https://example.com/of-the-supplier", "valueString": "kept"}],
    "status": "booked",
    "description": "Wound check",
    "comment": "Dressing",
    "start": "2027-03-15T08:30:00+00:00",
    "participant": [{"actor": {"reference": "Patient/p-2"}, "status": "accepted"}],
    "unknownToUs": {"kept": [1.50]},
}


def stored(**changes: Any) -> StoredAppointment:
    return StoredAppointment.of(PRACTICE, "Appointment", STORED | changes)


@pytest.mark.duty("AP-071", "AP-077", "AP-078")
def test_amending_keeps_everything_but_the_words():
    assert amended(stored(), "Stitches out", None) == STORED | {"description": "Stitches out"}
    assert amended(stored(), None, "Two") == STORED | {"comment": "Two"}
    without = amended(stored(), None, "")
    assert without == {name: value for name, value in STORED.items() if name != "comment"}


@pytest.mark.duty("AP-082", "AP-083", "AP-084", "AP-087")
def test_cancelling_keeps_everything_but_the_status():
    reason = {
        "url": PROFILES + "Extension-GPConnect-AppointmentCancellationReason-1",
        "valueString": "Better",
    }
    resource = cancelled(stored(), "Better")
    assert resource == STORED | {"status": "cancelled", "extension": [*STORED["extension"], reason]}
    assert STORED["status"] == "booked", "the fetched one is not touched"
    assert len(STORED["extension"]) == 1


@pytest.mark.duty("AP-075", "AP-086")
def test_the_profile_is_named_also_where_the_practice_left_it_out():
    bare = StoredAppointment.of(PRACTICE, "Appointment", {**STORED, "meta": {}}, version="9")
    assert cancelled(bare, "x")["meta"] == {
        "versionId": "9",
        "profile": [PROFILES + "GPConnect-Appointment-1"],
    }


@pytest.mark.parametrize("version", ['7"\r\nX: y', "ä", "", 7, None])
def test_a_version_that_cannot_stand_in_a_header_is_none(version: object):
    assert stored(meta={"versionId": version}).version is None


@pytest.mark.duty("FN-020", "FN-023", "FN-032", "FN-033")
def test_a_registration_of_the_least_says_no_more_than_that():
    least = NewRegistration(NUMBER, "O'Brien", ("Siân",), date(1948, 3, 17))
    (parameter,) = orjson.loads(least.body())["parameter"]
    patient = parameter["resource"]
    assert parameter["name"] == "registerPatient"
    assert patient.keys() == {"resourceType", "meta", "identifier", "name", "birthDate"}
    assert patient["name"] == [{"use": "official", "family": "O'Brien", "given": ["Siân"]}]
    assert patient["meta"] == {"profile": [PROFILES + "CareConnect-GPC-Patient-1"]}
    Patient.model_validate(patient)


@pytest.mark.duty("FN-026", "FN-027", "FN-028", "FN-030", "FN-031")
def test_each_use_of_an_address_or_number_is_said_once():
    details = RegistrationDetails.model_validate(
        {
            "home_address": {"lines": ["1 High St"]},
            "temporary_address": {"lines": ["2 Low St"], "postcode": "LS1 1AA"},
            "phones": {"home": "0113 1", "temporary": "0113 2"},
            "email": "a@b.example",
        }
    )
    full = NewRegistration(NUMBER, "O'Brien", ("Siân",), date(1948, 3, 17), "female", details)
    patient = orjson.loads(full.body())["parameter"][0]["resource"]
    assert [(each["system"], each["use"]) for each in patient["telecom"]] == [
        ("phone", "home"),
        ("phone", "temp"),
        ("email", "home"),
    ]
    assert patient["address"] == [
        {"use": "home", "line": ["1 High St"]},
        {"use": "temp", "line": ["2 Low St"], "postalCode": "LS1 1AA"},
    ]


@pytest.mark.duty("FN-007", "FN-009", "FN-011", "SP-034", "AP-004")
def test_what_means_something_in_a_url_is_encoded():
    query = [("identifier", f"https://fhir.nhs.uk/Id/nhs-number|{NUMBER}")]
    assert FIND_PATIENT.target(query=query) == (
        f"Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C{NUMBER}"
    )
    assert SEARCH_SLOTS.target(query=[("start", "ge2026-10-24T00:00:00+01:00")]) == (
        "Slot?start=ge2026-10-24T00:00:00%2B01:00"
    )
    assert READ_PATIENT.target("a/b?c#d%e") == "Patient/a%2Fb%3Fc%23d%25e"


@pytest.mark.parametrize("logical_id", ["", ".", "..", "a/b", "a b", "x" * 65, "a\n"])
def test_what_cannot_be_a_logical_id(logical_id: str):
    with pytest.raises(ValueError, match="no logical id") as refused:
        ResourceId(PRACTICE, "Patient", logical_id)
    assert len(logical_id) < 3 or logical_id not in str(refused.value)


def test_a_booking_of_no_slot_or_of_two_practices_is_the_callers_fault():
    with pytest.raises(ValueError, match="needs a slot"):
        check_booking(replace(booking(), slots=()), now=MONDAY - timedelta(days=1))
    with pytest.raises(ValueError, match="ids are local"):
        check_booking(booking(offer(practice_ods_code="A99002")), now=MONDAY - timedelta(days=1))
