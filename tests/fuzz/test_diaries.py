"""Slots, appointments and patients are read whatever a practice sends: nothing raises, and all fits its schema."""

from datetime import date
from functools import cache
from typing import Any

import orjson
from hypothesis import assume, given
from pydantic import TypeAdapter

from bridge.errors import ResponseInvalid
from bridge.fhir.parsing import Parsed
from bridge.gpconnect import StoredAppointment
from bridge.mapping import Asked, SlotSearch, map_appointments, map_patient, map_slots
from bridge.record.appointments import Appointments, FreeSlots
from bridge.record.logical_id import is_logical_id
from bridge.record.patients import PracticePatient
from tests.fuzz.effort import fuzz
from tests.fuzz.values import spoilt
from tests.support.bundles import NHS_NUMBER
from tests.support.diaries import (
    MONDAY,
    PRACTICE,
    location,
    organisation,
    practitioner,
    schedule,
    searchset,
    slot,
)
from tests.unit.mapping.test_appointments import appointment
from tests.unit.mapping.test_patients import patient

NOW = "2027-03-12T09:00:00.000Z"
SEARCH = SlotSearch(
    practice_ods_code=PRACTICE,
    window_start=NOW,
    window_end="2099-01-01T00:00:00Z",
    retrieved_at=NOW,
    organisation_type="gp-practice",
)
SLOTS = searchset(
    slot("1", MONDAY), slot("2", MONDAY), organisation(), location("1"), practitioner("1"), schedule("1")
)


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def fits(kind: Any, found: object) -> None:
    adapter(kind).validate_python(orjson.loads(orjson.dumps(found)), strict=True)


@fuzz(150)
@given(spoilt(SLOTS))
def test_slots(bundle: Any) -> None:
    found = map_slots([Parsed(bundle, (), may_hold_modifiers=True)], SEARCH)
    fits(FreeSlots, found)
    for each in found["slots"]:
        assert all(each["offer"].values())


@fuzz(100)
@given(spoilt(appointment()), spoilt(location("1")))
def test_appointments(resource: Any, place: Any) -> None:
    day = date(2027, 3, 15)
    found = map_appointments(
        [resource], practice_ods_code=PRACTICE, first_day=day, last_day=day, retrieved_at=NOW, context=[place]
    )
    fits(Appointments, found)
    assert len(found["appointments"]) + len(found["unmapped"]) == 1


@fuzz(100)
@given(spoilt(appointment()))
def test_what_decides_about_a_stored_appointment(resource: Any) -> None:
    try:
        stored = StoredAppointment.of(PRACTICE, "Appointment", resource)
    except ResponseInvalid:
        return
    assert stored.status is None or isinstance(stored.status, str)
    for moment in (stored.start, stored.end, stored.created):
        assert moment is None or moment.tzinfo
    assert stored.slots is not None
    assert stored.participants("Patient") is not None
    assert (
        StoredAppointment.from_json(orjson.loads(orjson.dumps(stored.as_json()))).booked_by
        == stored.booked_by
    )


@fuzz(100)
@given(spoilt(patient()))
def test_patients(resource: Any) -> None:
    assume(is_logical_id(resource.get("id")))  # the client hands over no other
    fits(
        PracticePatient, map_patient(resource, practice_ods_code=PRACTICE, asked=Asked(nhs_number=NHS_NUMBER))
    )
