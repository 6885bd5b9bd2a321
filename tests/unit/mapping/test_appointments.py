"""Appointments as records."""

from datetime import date
from typing import Any

import pytest
from pydantic import TypeAdapter

from bridge.mapping import map_appointment, map_appointments
from bridge.record.appointments import Appointment, Appointments
from tests.support.diaries import PRACTICE, location, practitioner

EXTENSION = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-"
NOW = "2027-03-15T08:00:00Z"


def appointment(**changes: Any) -> dict[str, Any]:
    role = {"coding": [{"code": "R0260", "display": "General Medical Practitioner"}]}
    resource = {
        "resourceType": "Appointment",
        "id": "148",
        "meta": {"versionId": "7"},
        "contained": [
            {
                "resourceType": "Organization",
                "id": "1",
                "identifier": [
                    {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RYY", "use": "old"},
                    {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXX"},
                ],
                "name": "Example Hospital",
                "telecom": [{"system": "phone", "value": "0113 496 0001"}],
            }
        ],
        "extension": [
            {"url": EXTENSION + "BookingOrganisation-1", "valueReference": {"reference": "#1"}},
            {"url": EXTENSION + "PractitionerRole-1", "valueCodeableConcept": role},
            {"url": EXTENSION + "DeliveryChannel-2", "valueCode": "Telephone"},
        ],
        "identifier": [{"system": "https://supplier.example.com/appointment", "value": "X-1"}],
        "status": "booked",
        "serviceCategory": {"text": "Morning surgery"},
        "serviceType": [{"text": "Telephone appointment"}],
        "description": "Wound check",
        "comment": "Bring a list",
        "start": "2027-03-15T08:30:00+00:00",
        "end": "2027-03-15T08:45:00+00:00",
        "slot": [{"reference": "Slot/12"}],
        "created": "2027-03-01T10:15:00+00:00",
        "participant": [
            {"actor": {"reference": "Patient/p-2"}, "status": "accepted"},
            {"actor": {"reference": "Location/1"}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/1"}, "status": "accepted"},
        ],
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def mapped(resource: dict[str, Any], *context: dict[str, Any], now: str = NOW) -> Appointment:
    found = map_appointment(resource, practice_ods_code=PRACTICE, retrieved_at=now, context=context)
    return TypeAdapter(Appointment).validate_python(found, strict=True)


@pytest.mark.duty("AP-097")
def test_an_appointment_carries_all_that_must_be_shown():
    assert mapped(appointment(), location("1"), practitioner("1")) == {
        "practice_ods_code": "A99001",
        "appointment_id": "148",
        "version_id": "7",
        "status": "booked",
        "can_be_changed": True,
        "start": "2027-03-15T08:30:00+00:00",
        "end": "2027-03-15T08:45:00+00:00",
        "minutes": 15,
        "delivery_channel": "Telephone",
        "service_type": "Telephone appointment",
        "session": "Morning surgery",
        "practitioner_role": {"term": "General Medical Practitioner", "code": "R0260"},
        "location": {
            "location_id": "1",
            "name": "Example Surgery",
            "address": {"lines": ["1 High Street"], "city": "Leeds", "postcode": "LS1 1AA"},
            "contacts": [{"value": "0113 496 0000", "system": "phone", "use": "work"}],
        },
        "practitioner": {
            "practitioner_id": "1",
            "name": "Dr Kevin Slater",
            "gender": "male",
            "sds_user_id": "100000000001",
        },
        "description": "Wound check",
        "comment": "Bring a list",
        "created": "2027-03-01T10:15:00+00:00",
        "booked_by": {
            "ods_code": "RXX",
            "name": "Example Hospital",
            "contacts": [{"value": "0113 496 0001", "system": "phone"}],
        },
        "slot_ids": ["12"],
        "business_ids": [{"value": "X-1", "system": "https://supplier.example.com/appointment"}],
        "issue_codes": [],
    }


def test_without_further_reads_place_and_person_are_at_least_named():
    found = mapped(appointment())
    assert (found["location"], found["practitioner"]) == ({"location_id": "1"}, {"practitioner_id": "1"})


@pytest.mark.duty("AP-097")
def test_people_and_places_that_are_named_in_words_alone_are_shown_so():
    actors = [
        {"reference": "Patient/p-2", "display": "Sam Taylor"},
        {"reference": "Location/1", "display": "Mill Lane Surgery"},
        {"reference": "Practitioner/1", "display": "Dr Kevin Slater"},
        {"display": "Nurse Ann Green"},
    ]
    booking = {
        "url": EXTENSION + "BookingOrganisation-1",
        "valueReference": {"display": "Example Hospital"},
    }
    found = mapped(
        appointment(
            participant=[{"actor": actor, "status": "accepted"} for actor in actors],
            contained=None,
            extension=[booking],
        )
    )
    assert found["location"] == {"location_id": "1", "name": "Mill Lane Surgery"}
    assert found["practitioner"] == {"practitioner_id": "1", "name": "Dr Kevin Slater"}
    assert found["also_named"] == ["Nurse Ann Green"]
    assert found["booked_by"] == {"name": "Example Hospital"}
    assert found["issue_codes"] == ["display_only_reference"]


@pytest.mark.duty("AP-097")
def test_whoever_declined_is_not_whom_the_appointment_is_with():
    def who(reference, status):
        return {"actor": reference, "status": status}

    found = mapped(
        appointment(
            participant=[
                who({"reference": "Patient/p-2"}, "accepted"),
                who({"reference": "Location/2"}, "declined"),
                who({"reference": "Location/1"}, "accepted"),
                who({"reference": "Practitioner/2"}, "declined"),
                who({"reference": "Practitioner/1"}, "tentative"),
                who({"display": "Nurse Ann Green"}, "declined"),
            ]
        ),
        location("1"),
        practitioner("1"),
        practitioner("2", family="Other"),
    )
    assert found["location"]["location_id"] == "1"
    assert found["practitioner"]["name"] == "Dr Kevin Slater"
    assert "also_named" not in found
    assert found["issue_codes"] == ["participant_declined"]


@pytest.mark.duty("AP-072", "AP-073", "AP-078", "AP-081", "AP-088")
@pytest.mark.parametrize(
    ("changes", "now", "can_be"),
    [
        ({}, NOW, True),
        ({}, "2027-03-15T08:30:00Z", False),
        ({"status": "cancelled"}, NOW, False),
        ({"status": "noshow"}, NOW, False),
        ({"extension": [{"url": EXTENSION + "DeliveryChannel-2", "valueCode": "Visit"}]}, NOW, False),
        ({"start": "soon"}, NOW, False),
    ],
)
def test_what_can_still_be_changed(changes: dict[str, Any], now: str, can_be: bool):
    assert mapped(appointment(**changes), now=now)["can_be_changed"] is can_be


def test_a_cancelled_one_says_why_and_an_odd_state_is_kept():
    reason = {"url": EXTENSION + "AppointmentCancellationReason-1", "valueString": "Better"}
    found = mapped(appointment(status="cancelled", extension=[reason]))
    assert (found["status"], found["cancellation_reason"]) == ("cancelled", "Better")

    odd = mapped(appointment(status="noshow"))
    assert (odd["status"], odd["source_status"], odd["issue_codes"]) == (
        "other",
        "noshow",
        ["unknown_status"],
    )


@pytest.mark.duty("AP-096")
def test_a_list_is_in_order_of_time_with_cancelled_ones_and_what_could_not_be_read():
    summer = appointment(id="b", start="2027-03-28T03:05:00+01:00", end=None)
    winter = appointment(id="a", start="2027-03-28T00:50:00+00:00")
    undated = appointment(id="c", start=None)
    earlier = appointment(id="d", status="cancelled")
    nameless = appointment(id=None)

    found = map_appointments(
        [summer, undated, nameless, winter, {"resourceType": "Slot", "id": "1"}, earlier],
        practice_ods_code=PRACTICE,
        first_day=date(2027, 3, 15),
        last_day=date(2027, 3, 31),
        retrieved_at=NOW,
    )
    TypeAdapter(Appointments).validate_python(found, strict=True)

    assert [each["appointment_id"] for each in found["appointments"]] == ["d", "a", "b", "c"]
    assert [each["reason"] for each in found["unmapped"]] == ["malformed", "malformed"]
    assert {(each["code"], each["source_ref"]) for each in found["issues"]} == {
        ("unparsed_date", "Appointment/b"),
        ("unparsed_date", "Appointment/c"),
    }
    assert (found["first_day"], found["last_day"]) == ("2027-03-15", "2027-03-31")


def test_what_was_mended_to_read_an_answer_is_told_though_there_is_no_appointment() -> None:
    found = map_appointments(
        [],
        practice_ods_code=PRACTICE,
        first_day=date(2027, 3, 15),
        last_day=date(2027, 3, 16),
        retrieved_at=NOW,
        issues=["byte_order_mark"],
    )
    TypeAdapter(Appointments).validate_python(found, strict=True)
    assert [(issue["code"], "source_ref" in issue) for issue in found["issues"]] == [
        ("byte_order_mark", False)
    ]


@pytest.mark.parametrize("element", [{"modifierExtension": [{"url": "urn:x"}]}, {"implicitRules": "urn:x"}])
def test_what_may_change_its_meaning_is_told_and_keeps_it_from_being_changed(element: dict[str, Any]) -> None:
    plain, odd = mapped(appointment()), mapped(appointment(**element))
    assert (plain["can_be_changed"], odd["can_be_changed"]) == (True, False)
    assert set(odd["issue_codes"]) - set(plain["issue_codes"]) < {"modifier_extension", "implicit_rules"}
    assert odd["issue_codes"]


def test_what_was_mended_to_read_the_answer_is_told_with_a_single_one() -> None:
    shown = map_appointment(
        appointment(), practice_ods_code=PRACTICE, retrieved_at=NOW, issues=["replaced_characters"]
    )
    assert "replaced_characters" in shown["issue_codes"]
