"""What cannot be had is refused with its reason, and leaves everything as it was."""

import pytest
import pytest_asyncio

from bridge.sandbox import BY_NAME, MAIN, SandboxOptions
from tests.support.reception import adjacent, day, example, ref_of, sealed
from tests.support.without_bus import without_bus

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENT = BY_NAME["rich_record"].nhs_number
OTHER = BY_NAME["no_known_allergies"].nhs_number


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site():
    """A bus has no part in what is refused."""
    async with without_bus("appointments", "patients", sandbox=SandboxOptions(patients=200)) as started:
        yield started


@pytest.fixture
def held(site):
    """Every appointment of the practice with its version and status, as it was before."""
    diary = site.sandbox.diary(MAIN.ods)
    return lambda: {one.id: (one.version, one.status, one.nhs_number) for one in diary.appointments()}


async def offers(site, count=1):
    return [slot["offer"] for slot in (await site.reception.free_slots(PATIENT))[:count]]


def refused(outcome, wish):
    kind, data = outcome
    assert (kind, data["wish"]) == ("appointment.refused.v1", wish), data
    assert data["message"]
    assert data["advice"]
    return data["reason"]


@pytest.mark.duty("AP-033", "AP-035", "AP-057")
@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("past", {"start": "2026-01-05T09:00:00+00:00", "end": "2026-01-05T09:10:00+00:00"}),
        ("not_permitted", {"delivery_channel": "Visit"}),
        ("unknown_slot", {"slot_id": "gone"}),
        ("taken", {}),
    ],
)
async def test_a_slot_that_cannot_be_had(site, held, reason, changes):
    (offer,) = await offers(site)
    if reason == "taken":
        site.sandbox.diary(MAIN.ods).staff_take(offer["slot_id"])
    before = held()
    offer = sealed(site.settings, offer, PATIENT, **changes)
    assert refused(await site.reception.book(PATIENT, offer), "book") == reason
    assert held() == before


@pytest.mark.duty("AP-035")
async def test_slots_that_do_not_belong_together(site, held):
    slots = await site.reception.free_slots(PATIENT)
    one, other = adjacent(slots)
    elsewhere = next(slot["offer"] for slot in slots if slot["offer"]["schedule_id"] != one["schedule_id"])
    times = {"start": other["end"], "end": day(14) + "T09:00:00+00:00"}
    later = sealed(site.settings, other, PATIENT, **times)
    before = held()
    assert refused(await site.reception.book(PATIENT, one, elsewhere), "book") == "slots_differ"
    assert refused(await site.reception.book(PATIENT, one, later), "book") == "not_adjacent"
    assert held() == before


async def test_every_choice_that_was_tried_is_told_of(site):
    first, second = await offers(site, 2)
    for offer in (first, second):
        site.sandbox.diary(MAIN.ods).staff_take(offer["slot_id"])
    kind, data = await site.reception.ask("appointment.requested", choices=[[first], [second]])
    assert kind == "appointment.refused.v1"
    assert data["choices"] == [{"choice": 1, "reason": "taken"}, {"choice": 2, "reason": "taken"}]


@pytest.mark.duty("AP-072", "AP-073", "AP-074", "AP-078", "AP-081", "AP-088")
@pytest.mark.parametrize("wish", ["amend", "cancel"])
async def test_an_appointment_that_may_not_be_changed(site, held, wish):
    async def change(nhs_number, appointment):
        name, patient = f"appointment.{wish}.requested", {"nhs_number": nhs_number}
        return refused(await site.reception.ask(name, patient=patient, appointment=appointment), wish)

    (offer,) = await offers(site)
    booked = await site.reception.booked(PATIENT, offer)
    ref = ref_of(booked)
    diary = site.sandbox.diary(MAIN.ods)
    diary.staff_touch(booked["appointment_id"])
    visit = BY_NAME["home_visit"].nhs_number
    _, found = await site.reception.ask(
        "appointments.requested", patient={"nhs_number": visit}, start=day(0), end=day(40)
    )
    before = held()
    assert await change(PATIENT, ref) == "version_conflict"
    assert await change(OTHER, ref) == "not_found"
    assert await change(PATIENT, ref | {"appointment_id": "another"}) == "not_found"
    assert await change(PATIENT, ref | {"start": "2026-01-05T09:00:00+00:00"}) == "past"
    assert await change(visit, ref_of(found["found"]["appointments"][0])) == "not_permitted"
    assert held() == before
    diary.cancel(booked["appointment_id"], "by the practice")
    del ref["version_id"]
    assert await change(PATIENT, ref) == "already_cancelled"


async def test_a_rescheduling_that_finds_no_new_time_leaves_the_old_one(site):
    first, second = await offers(site, 2)
    old = await site.reception.booked(PATIENT, first)
    site.sandbox.diary(MAIN.ods).staff_take(second["slot_id"])
    outcome = await site.reception.ask(
        "appointment.reschedule.requested", appointment=ref_of(old), choices=[[second]]
    )
    assert refused(outcome, "reschedule") == "taken"
    assert outcome[1]["standing"] == "nothing_booked"
    assert site.sandbox.diary(MAIN.ods).appointment(old["appointment_id"]).status == "booked"


async def test_nothing_new_is_booked_for_an_old_one_that_cannot_be_given_up(site, held):
    first, second = await offers(site, 2)
    old = await site.reception.booked(PATIENT, first)
    site.sandbox.diary(MAIN.ods).cancel(old["appointment_id"], "by the practice")
    before = held()
    outcome = await site.reception.ask(
        "appointment.reschedule.requested", appointment=ref_of(old), choices=[[second]]
    )
    assert refused(outcome, "reschedule") == "already_cancelled"
    assert held() == before


async def test_a_rescheduling_that_stops_half_way_says_so_and_is_continued(site):
    first, second = await offers(site, 2)
    old = await site.reception.booked(PATIENT, first)
    site.sandbox.diary(MAIN.ods).staff_touch(old["appointment_id"])
    stale = ref_of(old)
    outcome = await site.reception.ask(
        "appointment.reschedule.requested", appointment=stale, choices=[[second]]
    )
    assert refused(outcome, "reschedule") == "version_conflict"
    assert outcome[1]["standing"] == "both_booked"
    new = outcome[1]["booked"]
    del stale["version_id"]
    kind, data = await site.reception.ask(
        "appointment.reschedule.requested", appointment=stale, choices=[], booked=ref_of(new)
    )
    assert kind == "appointment.rescheduled.v1"
    assert data["booked"]["appointment_id"] == new["appointment_id"]
    diary = site.sandbox.diary(MAIN.ods)
    assert diary.appointment(old["appointment_id"]).status == "cancelled"
    assert diary.appointment(new["appointment_id"]).status == "booked"


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("slots.requested", {"start": "2027-01-20", "end": "2027-01-10"}, "data"),
        ("slots.requested", {"start": "2027-01-01", "end": "2027-03-31"}, "data"),
        ("slots.requested", {"start": "2027-01", "end": "2027-01-31"}, "data.start.date"),
        ("appointment.requested", {"description": "x" * 101}, "data.description"),
        ("appointment.requested", {"comment": "x" * 501}, "data.comment"),
        ("appointment.requested", {"choices": []}, "data.choices"),
        ("appointment.amend.requested", {"description": None}, "data"),
        ("appointment.reschedule.requested", {"choices": []}, "data"),
        ("appointments.requested", {"start": "2027-02-01", "end": "2027-01-01"}, "data"),
    ],
)
async def test_a_request_that_can_never_be_met_is_rejected_and_nothing_called(site, name, changes, field):
    calls = len(site.sandbox.calls)
    kind, data = await site.reception.ask(name, **changes)
    assert kind == "request.rejected.v1"
    assert field in [fault["field"] for fault in data["faults"]]
    assert len(site.sandbox.calls) == calls


async def test_offers_of_two_practices_are_never_one_request(site):
    choices = example("appointment.requested")["data"]["choices"]
    choices[1][0]["practice_ods_code"] = "A99002"
    kind, data = await site.reception.ask("appointment.requested", choices=choices)
    assert (kind, [fault["field"] for fault in data["faults"]]) == ("request.rejected.v1", ["data.choices"])


def practice_calls(site):
    """What practices were asked for, find patient and diaries included."""
    return site.sandbox.calls.of("practice")


@pytest.mark.duty("AP-031")
@pytest.mark.parametrize(
    ("reason", "altered"),
    [
        ("offer_invalid", lambda site, offer: offer | {"slot_id": "another"}),
        ("offer_invalid", lambda site, offer: offer | {"expires_at": "2099-01-01T00:00:00Z"}),
        ("offer_invalid", lambda site, offer: offer | {"signature": "A" * 22}),
        ("offer_invalid", lambda site, offer: without(offer, "signature", "expires_at")),
        ("offer_invalid", lambda site, offer: sealed(site.settings, offer, OTHER)),
        ("offer_expired", lambda site, offer: sealed(site.settings, offer, PATIENT, valid_for=-1)),
    ],
)
async def test_nothing_is_sent_for_an_offer_that_was_not_made(site, held, reason, altered):
    good, offer = await offers(site, 2)
    bad = altered(site, offer)
    before, calls = held(), len(practice_calls(site))
    kind, data = await site.reception.ask("appointment.requested", choices=[[good], [bad]])
    assert kind == "appointment.refused.v1"
    assert data["choices"] == [{"choice": 2, "reason": reason}]
    old = {"practice_ods_code": MAIN.ods, "appointment_id": "any", "start": good["start"]}
    kind, data = await site.reception.ask(
        "appointment.reschedule.requested", appointment=old, choices=[[bad]]
    )
    assert (kind, data["reason"]) == ("appointment.refused.v1", reason)
    assert data["standing"] == "nothing_booked"
    assert held() == before
    assert len(practice_calls(site)) == calls


async def test_nobody_is_registered_for_an_offer_of_somebody_else(site, held):
    (offer,) = await offers(site)
    message = example("appointment.requested.temporary", choices=[[offer]])
    calls = len(practice_calls(site))
    kind, data = await site.reception.outcome(await site.reception.send(message))
    assert (kind, data["reason"]) == ("appointment.refused.v1", "offer_invalid")
    assert len(practice_calls(site)) == calls


def without(offer, *names):
    return {name: value for name, value in offer.items() if name not in names}
