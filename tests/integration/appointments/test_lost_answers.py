"""An answer is lost: what was asked is done once, and told as it is, whatever became of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.sandbox import MAIN, OLDER, FaultKind, InjectedFault
from tests.support.reception import example, ref_of, sealed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.rabbit]

LOST = {
    "cut by the proxy": InjectedFault(FaultKind.DROP, at="proxy", times=1),
    "cut by the practice": InjectedFault(FaultKind.DROP, times=1),
    "gateway time-out": InjectedFault(FaultKind.LOST, status=504, times=1),
    "internal error": InjectedFault(FaultKind.LOST, status=500, times=1),
    "half of the answer": InjectedFault(FaultKind.TRUNCATE, at="proxy", times=1),
    "an empty object": InjectedFault(FaultKind.EMPTY_OBJECT, times=1),
    "a web page": InjectedFault(FaultKind.HTML, status=502, times=1),
    "done after we gave up": InjectedFault(FaultKind.LATE, status=504, delay=0.3, times=1),
    "done after we asked": InjectedFault(FaultKind.LATE, status=504, delay=1.5, times=1),
    "never done": InjectedFault(FaultKind.RESET, times=1),
    "never done, twice": InjectedFault(FaultKind.STATUS, status=503, times=2),
}


@pytest.fixture
def people(site):
    """People of the practice whom no other test has used."""
    used = site.sandbox.diary(MAIN.ods).appointments()
    known = {one.nhs_number for one in used}
    return iter(
        one.nhs_number
        for one in site.sandbox.crowd
        if one.practice_ods == MAIN.ods and one.nhs_number not in known
    )


async def each_with_a_slot(site, people, count):
    """Somebody and a slot for each of `count` cases."""
    patients = [next(people) for _ in range(count)]
    slots = await site.reception.free_slots(patients[0])
    return [
        (patient, sealed(site.settings, slot["offer"], patient))
        for patient, slot in zip(patients, slots, strict=False)
    ]


def history(site, nhs_number, ods=MAIN.ods):
    """What the practice's own book says was done for somebody, appointment by appointment."""
    book = site.sandbox.diary(ods).appointments()
    return [[change.action for change in one.history] for one in book if one.nhs_number == nhs_number]


@pytest.mark.duty("AP-042", "AP-043", "SP-037")
async def test_a_booking_is_made_once(site, people):
    async def book(case, fault):
        nhs_number, offer = case
        site.sandbox.fault(nhs_number, replace(fault, on=("book",)))
        return await site.reception.book(nhs_number, offer)

    cases = await each_with_a_slot(site, people, len(LOST))
    outcomes = await asyncio.gather(*map(book, cases, LOST.values()))
    for name, (nhs_number, offer), (kind, data) in zip(LOST, cases, outcomes, strict=True):
        assert kind == "appointment.booked.v1", f"{name}: {data}"
        assert data["appointment"]["slot_ids"] == [offer["slot_id"]], name
        assert history(site, nhs_number) == [["booked"]], name


async def test_two_requests_for_the_same_slots_are_one_appointment(site, people):
    # The slots decide (spec AP §10.3): a practice may stamp and word what was booked as it likes, and taking
    # our own for somebody else's would book a second one.
    [(nhs_number, offer)] = await each_with_a_slot(site, people, 1)
    first = await site.reception.booked(nhs_number, offer)
    site.sandbox.fault(nhs_number, InjectedFault(FaultKind.RESET, times=1, on=("book",)))
    kind, data = await site.reception.book(nhs_number, offer)
    assert kind == "appointment.booked.v1"
    assert data["appointment"]["appointment_id"] == first["appointment_id"]
    assert history(site, nhs_number) == [["booked"]]


@pytest.mark.parametrize(("wish", "done"), [("amend", "amended"), ("cancel", "cancelled")])
async def test_a_change_is_made_once(site, people, wish, done):
    async def change(case, fault):
        nhs_number, offer = case
        booked = await site.reception.booked(nhs_number, offer)
        site.sandbox.fault(nhs_number, replace(fault, on=(wish,)))
        return await site.reception.ask(
            f"appointment.{wish}.requested", patient={"nhs_number": nhs_number}, appointment=ref_of(booked)
        )

    cases = await each_with_a_slot(site, people, len(LOST))
    outcomes = await asyncio.gather(*map(change, cases, LOST.values()))
    for name, (nhs_number, _), (kind, data) in zip(LOST, cases, outcomes, strict=True):
        assert kind == f"appointment.{done}.v1", f"{name}: {data}"
        assert history(site, nhs_number) == [["booked", done]], name


async def test_a_change_is_known_again_where_the_practice_joins_the_texts(site):
    nhs_number = next(one.nhs_number for one in site.sandbox.crowd if one.practice_ods == OLDER.ods)
    booked = await site.reception.booked(
        nhs_number, (await site.reception.free_slots(nhs_number))[0]["offer"]
    )
    site.sandbox.fault(nhs_number, InjectedFault(FaultKind.DROP, times=1, on=("amend",)))
    kind, data = await site.reception.ask(
        "appointment.amend.requested",
        patient={"nhs_number": nhs_number},
        appointment=ref_of(booked),
        description="Brings a relative",
        comment="Hard of hearing.",
    )
    assert (kind, data["appointment"]["description"]) == (
        "appointment.amended.v1",
        "Brings a relative Hard of hearing.",
    )
    assert history(site, nhs_number, OLDER.ods) == [["booked", "amended"]]


async def test_a_booking_says_the_same_at_every_try(site, people):
    ((nhs_number, offer),) = await each_with_a_slot(site, people, 1)
    site.sandbox.fault(nhs_number, InjectedFault(FaultKind.RESET, times=1, on=("book",)))
    await site.reception.booked(nhs_number, offer)
    calls = site.sandbox.calls.of("practice", nhs_number=nhs_number)
    first, second = [call for call in calls if str(call.interaction).endswith("create:appointment-1")]
    (held,) = [one for one in site.sandbox.diary(MAIN.ods).appointments() if one.nhs_number == nhs_number]
    assert datetime.fromisoformat(held.created) <= first.at < second.at


async def test_a_registration_for_a_booking_is_told_of_when_its_answer_was_lost(site, people):
    stranger = next(one.nhs_number for one in reversed(site.sandbox.crowd) if one.practice_ods != MAIN.ods)
    ((_, offer),) = await each_with_a_slot(site, people, 1)
    site.sandbox.fault(stranger, InjectedFault(FaultKind.DROP, times=1, on=("register_patient",)))
    offer = sealed(site.settings, offer, stranger)
    kind, data = await site.reception.ask(
        "appointment.requested.temporary", patient={"nhs_number": stranger}, choices=[[offer]]
    )
    assert (kind, data["was_registered"]) == ("appointment.booked.v1", True)
    assert history(site, stranger) == [["booked"]]


async def test_a_registration_is_made_once(site):
    async def register(nhs_number, fault):
        site.sandbox.fault(nhs_number, replace(fault, on=("register_patient",)))
        patient = {"nhs_number": nhs_number}
        return await site.reception.ask("patient.register.requested", patient=patient)

    strangers = [one.nhs_number for one in site.sandbox.crowd if one.practice_ods != MAIN.ods]
    outcomes = await asyncio.gather(*map(register, strangers, LOST.values()))
    for name, (kind, data) in zip(LOST, outcomes, strict=True):
        assert kind == "patient.registered.v1", f"{name}: {data}"
    held = site.sandbox.patients_at(MAIN.ods)
    assert all(held.find(nhs_number) is not None for nhs_number in strangers[: len(LOST)])


async def test_the_same_message_three_times_books_once_and_tells_the_same(site, people):
    ((nhs_number, offer),) = await each_with_a_slot(site, people, 1)
    site.sandbox.fault(nhs_number, InjectedFault(FaultKind.DROP, times=1, on=("book",)))
    message = example("appointment.requested", patient={"nhs_number": nhs_number}, choices=[[offer]])
    await asyncio.gather(*(site.reception.send(message) for _ in range(3)))
    kind, _ = await site.reception.outcome(message["id"])
    assert kind == "appointment.booked.v1"
    await site.reception.send(message)
    await site.reception.outcome(message["id"])
    assert history(site, nhs_number) == [["booked"]]
    assert len({event["id"] for _, event in site.reception.hospital.events(message["id"])}) == 1


async def doubted(site, message):
    """The data of the doubt about a request, once it is told."""
    (kind, event), *_ = await site.reception.hospital.outcome(message["id"])
    assert kind == "appointment.in_doubt.v1", event["data"]
    return event["data"]


DOUBTS: tuple[tuple[InjectedFault, str, list[list[str]]], ...] = (
    (InjectedFault(FaultKind.DROP, on=("book",)), "appointment.booked.v1", [["booked"]]),
    (InjectedFault(FaultKind.RESET, on=("book",)), "appointment.refused.v1", []),
    (InjectedFault(FaultKind.DROP, on=("cancel",)), "appointment.cancelled.v1", [["booked", "cancelled"]]),
    (InjectedFault(FaultKind.RESET, on=("cancel",)), "appointment.refused.v1", [["booked"]]),
)


async def test_what_cannot_be_known_is_in_doubt_until_the_practice_tells(site, people):
    async def ask(case, fault, end, book):
        nhs_number, offer = case
        (wish,) = fault.on
        patient = {"nhs_number": nhs_number}
        if wish == "book":
            message = example("appointment.requested", patient=patient, choices=[[offer]])
        else:
            ref = ref_of(await site.reception.booked(nhs_number, offer))
            message = example("appointment.cancel.requested", patient=patient, appointment=ref)
        witness = {"book": "patient_appointments", "cancel": "read_appointment"}[wish]
        site.sandbox.fault(nhs_number, fault)
        site.sandbox.fault(nhs_number, InjectedFault(FaultKind.STATUS, at="proxy", status=503, on=(witness,)))
        await site.reception.send(message)
        data = await doubted(site, message)
        assert (data["wish"], data["step"], data["is_done"]) == (wish, wish, False)
        site.sandbox.clear_faults(nhs_number)
        kind, data = await site.reception.outcome(message["id"])
        assert kind == end, data
        assert data.get("reason") == ("not_done" if end == "appointment.refused.v1" else None)
        assert history(site, nhs_number) == book

    cases = await each_with_a_slot(site, people, len(DOUBTS))
    await asyncio.gather(*(ask(case, *doubt) for case, doubt in zip(cases, DOUBTS, strict=True)))


async def test_a_rescheduling_in_doubt_tells_which_half_and_ends_by_itself(site, people):
    nhs_number = next(people)
    first, second, *_ = [slot["offer"] for slot in await site.reception.free_slots(nhs_number)]
    old = await site.reception.booked(nhs_number, first)
    message = example(
        "appointment.reschedule.requested",
        patient={"nhs_number": nhs_number},
        appointment=ref_of(old),
        choices=[[second]],
    )
    site.sandbox.fault(nhs_number, InjectedFault(FaultKind.DROP, on=("cancel",)))
    site.sandbox.fault(
        nhs_number, InjectedFault(FaultKind.STATUS, at="proxy", status=503, on=("read_appointment",))
    )
    await site.reception.send(message)
    data = await doubted(site, message)
    assert (data["wish"], data["step"], data["standing"]) == ("reschedule", "cancel", "old_in_doubt")
    site.sandbox.clear_faults(nhs_number)
    kind, data = await site.reception.outcome(message["id"])
    assert kind == "appointment.rescheduled.v1"
    assert history(site, nhs_number) == [["booked", "cancelled"], ["booked"]]


async def test_a_request_that_expires_while_its_booking_is_unsettled_still_tells_the_truth(site, people):
    ((nhs_number, offer),) = await each_with_a_slot(site, people, 1)
    site.sandbox.fault(nhs_number, InjectedFault(FaultKind.DROP, times=1, on=("book",)))
    soon = (datetime.now(UTC) + timedelta(seconds=0.4)).isoformat()
    kind, data = await site.reception.book(nhs_number, offer, expires_at=soon)
    assert kind == "appointment.booked.v1", data
    assert history(site, nhs_number) == [["booked"]]


async def test_two_people_who_want_one_slot_get_one_appointment_between_them(site, people):
    (one, offer), (other, _) = await each_with_a_slot(site, people, 2)
    outcomes = await asyncio.gather(
        *(site.reception.book(person, sealed(site.settings, offer, person)) for person in (one, other))
    )
    assert sorted(kind for kind, _ in outcomes) == ["appointment.booked.v1", "appointment.refused.v1"]
    assert {data.get("reason") for _, data in outcomes} == {None, "taken"}
    assert sorted(history(site, person) for person in (one, other)) == [[], [["booked"]]]


async def test_requests_about_one_patient_are_worked_on_in_order(site, people):
    nhs_number = next(people)
    offer = (await site.reception.free_slots(nhs_number))[0]["offer"]
    site.sandbox.fault(nhs_number, InjectedFault(FaultKind.DELAY, delay=0.6, times=1, on=("book",)))
    patient = {"nhs_number": nhs_number}
    booking = example("appointment.requested", patient=patient, choices=[[offer]])
    listing = example(
        "appointments.requested", patient=patient, start=offer["start"][:10], end=offer["start"][:10]
    )
    await site.reception.send(booking)
    await site.reception.send(listing)
    _, found = await site.reception.outcome(listing["id"])
    _, booked = await site.reception.outcome(booking["id"])
    assert [one["appointment_id"] for one in found["found"]["appointments"]] == [
        booked["appointment"]["appointment_id"]
    ]
