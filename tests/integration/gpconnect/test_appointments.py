"""Slots and appointments at the sandbox's practices, which enforce every rule of the specification."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.appointments import Offer
from bridge.errors import AppointmentRefused
from bridge.gpconnect import Window
from bridge.sandbox import BY_NAME, FaultKind, InjectedFault
from tests.integration.gpconnect.reception import MAIN, PATIENT, Reception, adjacent, tomorrow

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refusal(awaitable) -> str:
    with pytest.raises(AppointmentRefused) as refused:
        await awaitable
    return refused.value.reason


@pytest.mark.duty(
    "AP-001",
    "AP-002",
    "AP-003",
    "AP-004",
    "AP-005",
    "AP-006",
    "AP-007",
    "AP-008",
    "AP-010",
    "AP-011",
    "AP-019",
    "AP-020",
)
async def test_a_long_window_finds_what_the_book_has_and_nothing_twice(reception: Reception):
    found = await reception.free(days=40)

    expected = reception.diary().free(tomorrow(), tomorrow() + timedelta(days=40), None, "RZZ01")
    assert [slot["offer"]["slot_id"] for slot in found["slots"]] == [
        slot.id for slot in sorted(expected, key=lambda slot: (slot.start, slot.id))
    ]
    assert reception.calls("search:slot-1") == 3
    assert (found["unmapped"], found["issues"], found["practice_name"]) == ([], [], "Sandbox Medical Centre")


@pytest.mark.duty("AP-009")
async def test_slots_for_one_type_of_organisation_are_found_when_it_is_said(reception: Reception):
    without = await reception.offers()
    with_type = await reception.offers(organisation_type="urgent-care")

    assert {offer.slot_id for offer in without} < {offer.slot_id for offer in with_type}
    assert {offer.organisation_type for offer in with_type} == {"urgent-care"}


@pytest.mark.duty("AP-021")
async def test_what_has_passed_is_not_asked_about(reception: Reception):
    now = datetime.now(UTC)
    past = Window(now - timedelta(days=30), now - timedelta(days=20))
    assert await refusal(reception.practice().search_slots(past)) == "past"

    half = Window(now - timedelta(days=20), now + timedelta(days=2))
    (answer,) = await reception.practice().search_slots(half)
    assert now - timedelta(seconds=1) <= answer.window.start
    assert reception.calls("search:slot-1") == 1


@pytest.mark.duty(
    "AP-031", "AP-032", "AP-036", "AP-037", "AP-038", "AP-039", "AP-040", "AP-041", "AP-042", "AP-043", "AP-044",
    "AP-045", "AP-046", "AP-047", "AP-048", "AP-049", "AP-050", "AP-052", "AP-053", "SP-094", "SP-101",
)  # fmt: skip
@pytest.mark.parametrize("organisation_type", [None, "urgent-care"])
async def test_a_booking_stands_in_the_book_as_it_was_asked_for(reception: Reception, organisation_type):
    offers = await reception.offers(organisation_type=organisation_type)
    pair = next(adjacent(offers))
    booking = await reception.booking(slots=reversed(pair), comment="Dressing from theatre 2")

    stored = await reception.practice().book(booking)

    (appointment,) = reception.booked()
    assert stored.id.id == appointment.id
    assert stored.version == "1"
    assert [slot.id for slot in appointment.slots] == [offer.slot_id for offer in pair]
    assert (appointment.start, appointment.end) == (pair[0].start, pair[1].end)
    assert (appointment.description, appointment.comment) == ("Wound check", "Dressing from theatre 2")
    assert appointment.organisation_ods == "RZZ01"
    assert appointment.created == "2026-11-22T09:30:15+00:00"
    assert appointment.schedule.place.id == pair[0].location_id


@pytest.mark.duty("AP-033", "AP-035", "AP-050", "AP-053", "AP-057", "AP-076")
async def test_what_breaks_a_rule_is_refused_before_anything_is_sent(reception: Reception):
    offers = await reception.offers()
    one, two = next(adjacent(offers))
    other = next(offer for offer in offers if offer.schedule_id != one.schedule_id)
    later = next(
        offer
        for offer in offers
        if offer.schedule_id == one.schedule_id
        and offer.start > two.end
        and (offer.delivery_channel, offer.service_type) == (one.delivery_channel, one.service_type)
    )
    ago = timedelta(days=40)
    past = one.model_copy(update={"start": one.start - ago, "end": one.end - ago})

    async def book(*slots: Offer, **changes: str) -> str:
        return await refusal(reception.practice().book(await reception.booking(slots=slots, **changes)))

    assert await book(past) == "past"
    assert await book(one, later) == "not_adjacent"
    assert await book(one, one) == "not_adjacent"
    assert await book(one, other) == "slots_differ"
    another = "Telephone" if two.delivery_channel == "Video" else "Video"  # which it is, the day tells
    assert await book(one, two.model_copy(update={"delivery_channel": another})) == "slots_differ"
    assert await book(one.model_copy(update={"delivery_channel": "Visit"})) == "not_permitted"
    assert await book(one, description="x" * 101) == "text_too_long"
    assert await book(one, comment="x" * 501) == "text_too_long"
    assert reception.calls("create:appointment-1") == 0
    assert reception.booked() == []


async def test_a_practice_says_why_it_does_not_book(reception: Reception):
    offer, *_ = await reception.offers()
    practice = reception.practice()

    reception.sandbox.fault(MAIN, InjectedFault(FaultKind.TAKEN, times=1, on=("book",)))
    assert await refusal(practice.book(await reception.booking(slots=[offer]))) == "taken"
    unknown = offer.model_copy(update={"slot_id": "no-such-slot"})
    assert await refusal(practice.book(await reception.booking(slots=[unknown]))) == "unknown_slot"
    another = (await reception.offers())[0]
    reception.diary().limits["RZZ01"] = 0
    assert await refusal(practice.book(await reception.booking(slots=[another]))) == "invalid"
    assert reception.booked() == []


@pytest.mark.duty("AP-071", "AP-074", "AP-075", "AP-077", "SP-093", "SP-095")
async def test_amending_changes_the_words_and_nothing_else(reception: Reception):
    practice = reception.practice()
    stored = await practice.book(await reception.booking(comment="first"))

    amended = await practice.amend(stored, description="Wound check, stitches out")
    assert (amended.description, amended.comment, amended.version) == (
        "Wound check, stitches out",
        "first",
        "2",
    )
    without = await practice.amend(amended, comment="")
    assert (without.description, without.comment) == ("Wound check, stitches out", None)
    (appointment,) = reception.booked()
    assert [change.action for change in appointment.history] == ["booked", "amended", "amended"]
    assert await refusal(practice.amend(stored, comment="from an old copy")) == "version_conflict"
    assert await refusal(practice.amend(without, description="x" * 101)) == "text_too_long"


@pytest.mark.duty("AP-082", "AP-083", "AP-084", "AP-085", "AP-086", "AP-087", "AP-073")
async def test_cancelling_frees_the_slot_at_once(reception: Reception):
    practice = reception.practice()
    booking = await reception.booking()
    stored = await practice.book(booking)

    cancelled = await practice.cancel(stored, reason="Patient is better")

    assert cancelled.status == "cancelled"
    (appointment,) = reception.diary().appointments()[-1:]
    assert (appointment.status, appointment.cancellation_reason) == ("cancelled", "Patient is better")
    assert booking.slots[0].slot_id in {offer.slot_id for offer in await reception.offers()}
    assert await refusal(practice.cancel(cancelled, reason="again")) == "already_cancelled"
    assert await refusal(practice.amend(cancelled, comment="too late")) == "already_cancelled"


@pytest.mark.duty("AP-070", "AP-080", "AP-091", "AP-092", "AP-093", "AP-094", "AP-095", "AP-072", "AP-081")
async def test_a_patients_appointments_from_today_on(reception: Reception):
    number = BY_NAME["has_appointments"].nhs_number
    patient = await reception.patient(nhs_number=number)
    today = reception.diary().now().date()
    practice = reception.practice()

    listed = await practice.patient_appointments(
        patient, today - timedelta(days=30), today + timedelta(days=60)
    )
    found = listed.found

    assert sorted(str(stored.status) for stored in found) == ["booked", "booked", "booked", "cancelled"]
    begun = next(stored for stored in found if stored.start and stored.start <= datetime.now(UTC))
    assert await refusal(practice.cancel(begun, reason="too late")) == "past"
    assert await refusal(practice.amend(begun, comment="too late")) == "past"
    yesterday = today - timedelta(days=1)
    assert await refusal(practice.patient_appointments(patient, yesterday, yesterday)) == "past"
    assert reception.calls("search:patient_appointments-1") == 1


@pytest.mark.duty("AP-078", "AP-088")
async def test_home_visits_are_only_looked_at(reception: Reception):
    number = BY_NAME["home_visit"].nhs_number
    patient = await reception.patient(nhs_number=number)
    today = reception.diary().now().date()
    practice = reception.practice()
    (visit,) = (await practice.patient_appointments(patient, today, today + timedelta(days=7))).found

    assert visit.delivery_channel == "Visit"
    assert await refusal(practice.cancel(visit, reason="no")) == "not_permitted"
    assert await refusal(practice.amend(visit, comment="no")) == "not_permitted"
    assert reception.calls("appointment-1") == 0


@pytest.mark.duty("AP-090")
async def test_an_appointment_is_read_for_the_patient_whose_it_is(reception: Reception):
    practice = reception.practice()
    stored = await practice.book(await reception.booking())
    somebody_else = await reception.patient(nhs_number=BY_NAME["no_known_allergies"].nhs_number)

    again = await practice.read_appointment(stored.id, patient=await reception.patient())
    assert again.resource == stored.resource
    assert await refusal(practice.read_appointment(stored.id, patient=somebody_else)) == "not_found"
    unknown = practice.id("Appointment", "no-such-appointment")
    assert await refusal(practice.read_appointment(unknown, patient=somebody_else)) == "not_found"


async def test_ids_of_another_practice_are_never_sent(reception: Reception):
    stored = await reception.practice().book(await reception.booking())
    elsewhere = reception.practice("A99002")
    patient = await reception.patient()
    today = reception.diary().now().date()
    before = len(reception.sandbox.calls)

    for ask in (
        elsewhere.cancel(stored, reason="no"),
        elsewhere.amend(stored, comment="no"),
        elsewhere.read_appointment(stored.id, patient=patient),
        elsewhere.patient_appointments(patient, today, today),
        elsewhere.book(await reception.booking()),
    ):
        with pytest.raises(ValueError, match="ids are local"):
            await ask
    with pytest.raises(ValueError, match="ids are local"):
        await reception.practice().book(
            await reception.booking(
                slots=[
                    offer.model_copy(update={"practice_ods_code": "A99002"})
                    for offer in await reception.offers()
                ][:1]
            )
        )
    assert all(call.practice != "A99002" for call in list(reception.sandbox.calls)[before:])
    assert PATIENT not in repr(elsewhere) + repr(stored) + repr(await reception.booking())
