"""Booking: what a practice takes, what it refuses, and that nobody gets what somebody has (AP-P03, AP-P04)."""

import asyncio
from datetime import timedelta

import pytest
from fhir.resources.STU3.appointment import Appointment

from bridge.sandbox import BY_NAME
from bridge.sandbox.appointments.rota import RotaSlot
from tests.integration.sandbox.consumer import ODS
from tests.integration.sandbox.reception import (
    BOOKED_BY,
    CANCELLED_FOR,
    Reception,
    booking,
    found,
    of_type,
    organisation,
    refused,
    window,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"
TAKEN = (409, "DUPLICATE_REJECTED")
INVALID = (422, "INVALID_RESOURCE")
UNKNOWN = (422, "REFERENCE_NOT_FOUND")


def history(reception, number=NUMBER):
    """What became of the patient's only appointment."""
    (one,) = [one for one in reception.diary.appointments() if one.nhs_number == number]
    return [change.action for change in one.history]


async def test_a_booking_takes_the_slot_and_says_all_about_it(reception):
    (slot,) = reception.free_slots()
    answer = await reception.book(
        booking(reception.patient_id(NUMBER), slot, comment="Dressing on the left arm")
    )
    assert answer.status_code == 201
    stored = answer.json()
    Appointment.model_validate(stored)
    root = f"{reception.sandbox.urls['practice']}/A99001/STU3/1/gpconnect"
    assert answer.headers["location"] == f"{root}/Appointment/{stored['id']}/_history/1"
    assert (answer.headers["etag"], stored["meta"]["versionId"]) == ('W/"1"', "1")
    urls = [one["url"].rsplit("/", 1)[-1] for one in stored["extension"]]
    assert urls == [
        "Extension-GPConnect-BookingOrganisation-1",
        "Extension-GPConnect-PractitionerRole-1",
        "Extension-GPConnect-DeliveryChannel-2",
    ]
    assert stored["serviceType"] == [{"text": "Routine appointment"}]
    assert stored["serviceCategory"]["text"] == slot.schedule.name
    assert (stored["description"], stored["comment"]) == (
        "Wound review after discharge",
        "Dressing on the left arm",
    )
    assert stored["contained"] == [organisation()]
    assert slot.id not in [one["id"] for one in found(await reception.search(), "Slot")]
    (entry,) = [one for one in reception.diary.appointments() if one.nhs_number == NUMBER]
    assert entry.history[0].trace_id == answer.request.headers["ssp-traceid"]
    assert entry.history[0].organisation == "RZZ01"


async def test_adjacent_slots_are_booked_together(reception):
    slots = reception.free_slots(2)
    stored = await reception.booked(NUMBER, *slots)
    assert (stored["start"], stored["end"]) == (slots[0].start.isoformat(), slots[1].end.isoformat())
    assert [slot.taken_by for slot in slots] == [stored["id"]] * 2


async def test_of_ten_who_want_a_slot_one_gets_it(reception):
    (slot,) = reception.free_slots()
    body = booking(reception.patient_id(NUMBER), slot)
    answers = await asyncio.gather(*(reception.book(body) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert {refused(answer) for answer in answers if answer.status_code == 409} == {TAKEN}
    assert history(reception) == ["booked"]


async def test_a_slot_that_went_meanwhile_and_one_that_never_was(reception):
    (slot,) = reception.free_slots()
    body = booking(reception.patient_id(NUMBER), slot)
    unknown = [{"reference": "Slot/nowhere"}]
    assert refused(await reception.book({**body, "slot": unknown})) == UNKNOWN
    reception.diary.staff_take(slot.id)
    assert refused(await reception.book(body)) == TAKEN


def participants(body, kind, replacement):
    kept = [one for one in body["participant"] if not one["actor"]["reference"].startswith(kind)]
    return [*kept, *replacement]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"resourceType": "Slot"}, (400, "BAD_REQUEST"), id="another resource"),
        pytest.param({"meta": {}}, INVALID, id="no profile"),
        pytest.param({"id": "mine"}, INVALID, id="own id"),
        pytest.param({"status": "pending"}, INVALID, id="another status"),
        pytest.param({"start": None}, INVALID, id="no start"),
        pytest.param({"end": "2035-01-01T10:00:00+00:00"}, INVALID, id="another end"),
        pytest.param({"slot": None}, INVALID, id="no slot"),
        pytest.param({"created": None}, INVALID, id="no created"),
        pytest.param({"created": "2026-01-01"}, INVALID, id="created without a time"),
        pytest.param({"description": None}, INVALID, id="no description"),
        pytest.param({"description": "x" * 101}, INVALID, id="description too long"),
        pytest.param({"comment": "x" * 501}, INVALID, id="comment too long"),
        pytest.param({"reason": [{"text": "cough"}]}, INVALID, id="reason"),
        pytest.param({"specialty": [{"text": "surgery"}]}, INVALID, id="specialty"),
        pytest.param({"colour": "blue"}, INVALID, id="no element of an Appointment"),
        pytest.param({"contained": None}, INVALID, id="no organisation"),
        pytest.param({"contained": [organisation(meta=None)]}, INVALID, id="organisation without profile"),
        pytest.param({"contained": [organisation(identifier=None)]}, INVALID, id="organisation without code"),
        pytest.param({"contained": [organisation(telecom=None)]}, INVALID, id="organisation without telecom"),
        pytest.param({"contained": [organisation(name=None)]}, INVALID, id="organisation without name"),
        pytest.param({"contained": [organisation(id="2")]}, INVALID, id="organisation not referred to"),
        pytest.param({"contained": [organisation(**of_type("hospital"))]}, INVALID, id="unknown type"),
        pytest.param({"extension": None}, INVALID, id="no booking organisation"),
        pytest.param(
            {
                "extension": [
                    {"url": BOOKED_BY, "valueReference": {"reference": "#1"}},
                    {"url": CANCELLED_FOR, "valueString": "x"},
                ]
            },
            INVALID,
            id="cancellation reason",
        ),
    ],
)
async def test_a_booking_that_breaks_a_rule(reception, changed, expected):
    body = booking(reception.patient_id(NUMBER), *reception.free_slots(), **changed)
    assert refused(await reception.book(body)) == expected
    assert not [one for one in reception.diary.appointments() if one.nhs_number == NUMBER]


@pytest.mark.parametrize(
    ("kind", "replacement", "expected"),
    [
        ("Patient", [], INVALID),
        ("Location", [], INVALID),
        ("Patient", [{"actor": {"reference": "Patient/nobody"}, "status": "accepted"}], UNKNOWN),
        ("Location", [{"actor": {"reference": "Location/nowhere"}, "status": "accepted"}], UNKNOWN),
        ("Practitioner", [{"actor": {"reference": "Practitioner/no"}, "status": "accepted"}], UNKNOWN),
        ("Practitioner", [{"status": "accepted"}], INVALID),
        ("Practitioner", [{"actor": {"reference": "Device/x"}, "status": "accepted"}], INVALID),
    ],
)
async def test_who_takes_part(reception, kind, replacement, expected):
    body = booking(reception.patient_id(NUMBER), *reception.free_slots())
    changed = {**body, "participant": participants(body, kind, replacement)}
    assert refused(await reception.book(changed)) == expected


async def test_a_practitioner_may_be_left_out(reception):
    body = booking(reception.patient_id(NUMBER), *reception.free_slots())
    answer = await reception.book({**body, "participant": participants(body, "Practitioner", [])})
    assert answer.status_code == 201


async def test_slots_that_do_not_combine(reception):
    one, two, three = reception.free_slots(3)
    days = (three.schedule.day - reception.today()).days
    (elsewhere,) = reception.free_slots(first=days + 1)

    def next_to(slot, schedule, service, channel):
        extra = RotaSlot(
            f"{service}-{channel}", schedule, slot.end, slot.end + timedelta(minutes=5), service, channel
        )
        return reception.diary.staff_add(extra)

    for others in (
        (three,),
        (next_to(one, elsewhere.schedule, one.service, one.channel),),
        (next_to(one, one.schedule, one.service, "Video"),),
        (next_to(one, one.schedule, "Smear test", one.channel),),
        (two, next_to(two, two.schedule, "Smear test", two.channel)),
    ):
        body = booking(reception.patient_id(NUMBER), one, *others)
        assert refused(await reception.book(body)) == INVALID
    assert one.taken_by is None
    assert (await reception.book(booking(reception.patient_id(NUMBER), one, two))).status_code == 201


async def test_a_slot_in_the_past(reception):
    (slot,) = reception.free_slots()
    now = reception.diary.now().replace(microsecond=0)
    past = RotaSlot("past", slot.schedule, now - timedelta(minutes=10), now, slot.service)
    reception.diary.staff_add(past)
    assert refused(await reception.book(booking(reception.patient_id(NUMBER), past))) == INVALID


async def test_what_is_kept_for_others_and_what_is_not_offered(reception):
    patient = reception.patient_id(NUMBER)
    (urgent,) = reception.free_slots()
    urgent.org_type = "urgent-care"
    assert refused(await reception.book(booking(patient, urgent))) == INVALID
    as_gp = [organisation(**of_type("gp-practice"))]
    assert refused(await reception.book(booking(patient, urgent, contained=as_gp))) == INVALID
    as_urgent = [organisation(**of_type("urgent-care"))]
    assert (await reception.book(booking(patient, urgent, contained=as_urgent))).status_code == 201
    (own,) = reception.free_slots()
    own.ods = frozenset({"RZZ02"})
    assert refused(await reception.book(booking(patient, own))) == INVALID
    own.ods, own.is_bookable = frozenset(), False
    assert refused(await reception.book(booking(patient, own))) == INVALID
    own.is_bookable = True
    assert (await reception.book(booking(patient, own))).status_code == 201


async def test_a_limit_may_be_reached_between_search_and_booking(reception):
    reception.diary.limits["RZZ01"] = 1
    own = [*window(), ("searchFilter", f"{ODS}|RZZ01")]
    assert found(await reception.search(own), "Slot")
    stored = await reception.booked(NUMBER, *reception.free_slots())
    body = booking(reception.patient_id(NUMBER), *reception.free_slots())
    assert refused(await reception.book(body)) == INVALID
    assert found(await reception.search(own), "Slot") == []
    reception.diary.cancel(stored["id"], "Not needed")
    assert (await reception.book(body)).status_code == 201


async def test_who_may_not_be_booked_for(reception):
    sensitive = BY_NAME["restricted"].nhs_number
    body = booking(reception.patient_id(sensitive), *reception.free_slots())
    assert refused(await reception.book(body)) == UNKNOWN
    assert refused(await reception.retrieve(reception.patient_id(sensitive))) == (404, "PATIENT_NOT_FOUND")


async def test_dissent_says_nothing_of_appointments(reception):
    stored = await reception.booked(BY_NAME["no_consent"].nhs_number, *reception.free_slots())
    assert stored["status"] == "booked"


async def test_ids_of_one_practice_mean_nothing_at_another(consumer):
    here, there = Reception(consumer, "A99001"), Reception(consumer, "A99002")
    older = BY_NAME["inherited_fields"].nhs_number
    (slot,) = here.free_slots()
    assert refused(await there.book(booking(there.patient_id(older), slot))) == UNKNOWN
    (slot,) = there.free_slots()
    assert refused(await there.book(booking(here.patient_id(NUMBER), slot))) == UNKNOWN


async def test_a_practice_that_joins_the_texts_and_drops_the_type(consumer):
    reception = Reception(consumer, "A99002")
    stored = await reception.booked(
        BY_NAME["inherited_fields"].nhs_number,
        *reception.free_slots(),
        comment="Left arm " + "x" * 200,
        contained=[organisation(**of_type("gp-practice"))],
    )
    assert stored["description"].startswith("Wound review after discharge Left arm xxx")
    assert len(stored["description"]) > 200, "never cut"
    assert "comment" not in stored
    assert "type" not in stored["contained"][0]


async def test_booking_for_somebody_else_than_the_one_who_asks_is_remarked(reception):
    await reception.booked(NUMBER, *reception.free_slots(), contained=[organisation("RZZ02")])
    assert "AP-045" in " ".join(reception.sandbox.calls.of("practice")[-1].remarks)


async def test_a_type_that_was_not_searched_with_is_remarked(reception):
    typed = [organisation(**of_type("gp-practice"))]
    await reception.booked(NUMBER, *reception.free_slots(), contained=typed)
    await reception.search()
    await reception.booked(NUMBER, *reception.free_slots())
    assert not [call for call in reception.sandbox.calls if "AP-048" in str(call.remarks)]
    await reception.booked(NUMBER, *reception.free_slots(), contained=typed)
    assert "AP-048" in str(reception.sandbox.calls.of("practice")[-1].remarks)


@pytest.mark.parametrize("scope", ["patient/*.read", "organization/*.read"])
async def test_booking_needs_the_scope_for_writing(reception, scope):
    body = booking(reception.patient_id(NUMBER), *reception.free_slots())
    assert refused(await reception.book(body, claim={"requested_scope": scope})) == (400, "BAD_REQUEST")
