"""What became of a call whose answer was lost: only the practice's book can tell."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.contracts.requests import Organisation
from bridge.errors import AppointmentRefused, FailureCode, Unavailable
from bridge.gpconnect import PracticeBooking, StoredAppointment
from bridge.sandbox import BY_NAME, COMMUNITY, FaultKind, InjectedFault
from tests.integration.gpconnect.reception import JOINS_TEXT, MAIN, OF_JOINS_TEXT, Reception

pytestmark = pytest.mark.asyncio(loop_scope="module")

DONE_AND_LOST = [
    InjectedFault(FaultKind.DROP, on=("book", "amend", "cancel"), times=1),
    InjectedFault(FaultKind.LOST, on=("book", "amend", "cancel"), times=1),
    InjectedFault(FaultKind.CUT_JSON, on=("book", "amend", "cancel"), times=1),
    InjectedFault(FaultKind.EMPTY_OBJECT, on=("book", "amend", "cancel"), times=1),
    InjectedFault(FaultKind.HTML, status=200, on=("book", "amend", "cancel"), times=1),
]
NOT_DONE = InjectedFault(FaultKind.RESET, on=("book", "amend", "cancel"), times=1)


async def in_doubt(awaitable) -> Unavailable:
    with pytest.raises(Unavailable) as failed:
        await awaitable
    return failed.value


@pytest.mark.parametrize("fault", DONE_AND_LOST, ids=lambda fault: fault.kind)
async def test_a_booking_whose_answer_was_lost_is_found(reception: Reception, fault: InjectedFault):
    booking = await reception.booking()
    reception.sandbox.fault(MAIN, fault)
    await in_doubt(reception.practice().book(booking))

    found = await reception.practice().find_booking(booking)

    (appointment,) = reception.booked()
    assert found is not None
    assert (found.id.id, found.version) == (appointment.id, "1")


async def test_a_booking_that_never_arrived_is_not_found_and_can_be_made_again(reception: Reception):
    booking = await reception.booking()
    practice = reception.practice()
    reception.sandbox.fault(MAIN, NOT_DONE)
    await in_doubt(practice.book(booking))

    assert await practice.find_booking(booking) is None
    assert await practice.is_still_free(booking)
    stored = await practice.book(booking)
    assert [each.id for each in reception.booked()] == [stored.id.id]


async def test_a_second_attempt_that_conflicts_may_conflict_with_the_first(reception: Reception):
    booking = await reception.booking()
    practice = reception.practice()
    stored = await practice.book(booking)

    with pytest.raises(AppointmentRefused) as refused:
        await practice.book(booking)
    assert refused.value.reason == "taken"
    found = await practice.find_booking(booking)
    assert found is not None
    assert found.id == stored.id


async def test_a_slot_that_another_took_is_neither_ours_nor_free(reception: Reception):
    booking = await reception.booking()
    reception.sandbox.fault(MAIN, InjectedFault(FaultKind.TAKEN, on=("book",), times=1))
    with pytest.raises(AppointmentRefused):
        await reception.practice().book(booking)

    assert await reception.practice().find_booking(booking) is None
    assert not await reception.practice().is_still_free(booking)


async def test_the_same_slot_booked_for_the_patient_by_another_organisation_is_not_ours(reception: Reception):
    ours = {offer.slot_id: offer for offer in await reception.offers()}
    offered = (offer.slot_id for offer in await reception.offers(by=COMMUNITY.ods))
    booking = await reception.booking(slots=[next(ours[slot] for slot in offered if slot in ours)])
    theirs = replace(booking, organisation=Organisation(ods_code=COMMUNITY.ods, name=COMMUNITY.name))
    await reception.practice(by=COMMUNITY.ods).book(theirs)

    assert await reception.practice().find_booking(booking) is None
    assert await reception.practice(by=COMMUNITY.ods).find_booking(theirs) is not None


async def test_a_booking_that_was_cancelled_since_is_known_by_when_it_was_created(reception: Reception):
    booking = await reception.booking()
    stored = await reception.practice().book(booking)
    await reception.practice().cancel(stored, reason="No doctor that day")

    found = await reception.practice().find_booking(booking)
    assert found is not None
    assert (found.id, found.status) == (stored.id, "cancelled")
    another_time = replace(booking, created=booking.created + timedelta(minutes=1))
    assert await reception.practice().find_booking(another_time) is None


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault(FaultKind.STATUS, status=500, on=("patient_appointments",)),
        InjectedFault(FaultKind.STATUS, status=403, code="ACCESS_DENIED", on=("patient_appointments",)),
        InjectedFault(FaultKind.CUT_JSON, on=("patient_appointments",)),
        InjectedFault(FaultKind.EMPTY_OBJECT, on=("patient_appointments",)),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_a_practice_that_does_not_tell_leaves_it_unknown(reception: Reception, fault: InjectedFault):
    booking = await reception.booking()
    reception.sandbox.fault(MAIN, fault)

    await in_doubt(reception.practice().find_booking(booking))


@pytest.mark.duty("AP-095")
async def test_a_day_that_is_over_can_no_longer_be_asked_about(reception: Reception):
    booking = await reception.booking()
    ago = timedelta(days=30)
    (slot,) = booking.slots
    over = replace(
        booking, slots=(slot.model_copy(update={"start": slot.start - ago, "end": slot.end - ago}),)
    )
    before = len(reception.sandbox.calls)

    failed = await in_doubt(reception.practice().find_booking(over))
    assert (failed.code, failed.detail) == (FailureCode.OUTCOME_UNKNOWN, "day_is_over")
    assert not await reception.practice().is_still_free(over)
    assert len(reception.sandbox.calls) == before


async def booked(reception: Reception, ods: str = MAIN) -> tuple[PracticeBooking, StoredAppointment]:
    number = {JOINS_TEXT: {"nhs_number": OF_JOINS_TEXT}}.get(ods, {})
    booking = await reception.booking(ods, comment="Bring a list", **number)
    return booking, await reception.practice(ods).book(booking)


WORDS = {"description": "Wound check, second", "comment": "Bring two lists"}


@pytest.mark.parametrize("ods", [MAIN, JOINS_TEXT])
@pytest.mark.parametrize("fault", DONE_AND_LOST[::3], ids=lambda fault: fault.kind)
async def test_an_amendment_whose_answer_was_lost_is_found(
    reception: Reception, fault: InjectedFault, ods: str
):
    _, stored = await booked(reception, ods)
    reception.sandbox.fault(ods, fault)
    await in_doubt(reception.practice(ods).amend(stored, **WORDS))

    found = await reception.practice(ods).settle_amend(stored, **WORDS)
    assert found is not None
    assert found.version == "2"
    assert all(words in f"{found.description} {found.comment}" for words in WORDS.values())


@pytest.mark.parametrize("ods", [MAIN, JOINS_TEXT])
async def test_an_amendment_that_was_not_made_can_be_sent_again(reception: Reception, ods: str):
    _, stored = await booked(reception, ods)
    practice = reception.practice(ods)
    reception.sandbox.fault(ods, NOT_DONE)
    await in_doubt(practice.amend(stored, **WORDS))

    assert await practice.settle_amend(stored, **WORDS) is None
    assert await practice.settle_amend(stored, description="Wound") is None, "a part of what stands there"
    assert (await practice.amend(stored, **WORDS)).version == "2"


async def test_somebody_elses_change_is_a_conflict(reception: Reception):
    _, stored = await booked(reception)
    await reception.practice().amend(stored, comment="of somebody else")

    for settle in (
        reception.practice().settle_amend(stored, **WORDS),
        reception.practice().settle_cancel(stored),
    ):
        with pytest.raises(AppointmentRefused) as refused:
            await settle
        assert refused.value.reason == "version_conflict"


@pytest.mark.parametrize("ods", [MAIN, JOINS_TEXT], ids=["new_version", "same_version"])
@pytest.mark.parametrize("fault", DONE_AND_LOST[::3], ids=lambda fault: fault.kind)
async def test_a_cancellation_whose_answer_was_lost_is_found(
    reception: Reception, fault: InjectedFault, ods: str
):
    _, stored = await booked(reception, ods)
    reception.sandbox.fault(ods, fault)
    await in_doubt(reception.practice(ods).cancel(stored, reason="Better"))

    found = await reception.practice(ods).settle_cancel(stored)
    assert found is not None
    assert found.status == "cancelled"


async def test_a_cancellation_that_was_not_made_can_be_sent_again(reception: Reception):
    _, stored = await booked(reception)
    reception.sandbox.fault(MAIN, NOT_DONE)
    await in_doubt(reception.practice().cancel(stored, reason="Better"))

    assert await reception.practice().settle_cancel(stored) is None
    assert (await reception.practice().cancel(stored, reason="Better")).status == "cancelled"


async def test_an_appointment_that_has_begun_is_looked_up_in_the_list_of_the_day(reception: Reception):
    number = BY_NAME["has_appointments"].nhs_number
    patient = await reception.patient(nhs_number=number)
    today = reception.diary().now().date()
    listed = await reception.practice().patient_appointments(patient, today, today)
    (begun,) = listed.found

    assert await reception.practice().settle_cancel(begun) is None
    assert reception.calls("read:appointment-1") == 0
    gone = StoredAppointment.from_json(
        begun.as_json() | {"resource": begun.resource | {"id": "no-such-appointment"}}
    )
    with pytest.raises(AppointmentRefused) as refused:
        await reception.practice().settle_cancel(gone)
    assert refused.value.reason == "not_found"


async def test_what_is_kept_in_the_ledger_is_enough_to_go_on(reception: Reception):
    _, stored = await booked(reception)

    kept = StoredAppointment.from_json(stored.as_json())
    assert kept == stored
    assert (await reception.practice().cancel(kept, reason="Better")).status == "cancelled"
