"""Reading, retrieving, amending and cancelling (appointments.md §5 to §7, AP-P05 to AP-P08, AP-P11, AP-P13)."""

import pytest

from bridge.sandbox import BY_NAME
from tests.integration.sandbox.reception import (
    CANCELLED_FOR,
    PROFILE,
    Reception,
    booking,
    cancelled,
    day,
    found,
    refused,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"
INVALID = (422, "INVALID_RESOURCE")
PARAMETER = (422, "INVALID_PARAMETER")
STALE = (409, "FHIR_CONSTRAINT_VIOLATION")


async def test_what_was_booked_is_read_and_retrieved_as_it_was_answered(reception):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    read = await reception.read(stored["id"])
    assert (read.json(), read.headers["etag"]) == (stored, 'W/"1"')
    assert found(await reception.retrieve(reception.patient_id(NUMBER))) == [stored]
    assert refused(await reception.read("nowhere")) == (404, "NO_RECORD_FOUND")


async def test_a_patient_has_more_appointments_than_those_we_booked(reception):
    number = BY_NAME["has_appointments"].nhs_number
    patient = reception.patient_id(number)
    every = found(await reception.retrieve(patient))
    assert [one["description"] for one in every] == [
        "Seen this morning",
        "Annual review",
        "Dressing change",
        "Not needed any more",
    ]
    assert [one["status"] for one in every] == ["booked", "booked", "booked", "cancelled"]
    booked_by = [one["contained"][0]["identifier"][0]["value"] for one in every]
    assert booked_by == ["A99001", "A99001", "RZZ02", "A99001"]
    later = [("start", f"ge{day(1)}"), ("start", f"le{day(40)}")]
    assert len(found(await reception.retrieve(patient, later))) == 3
    assert refused(await reception.read(every[0]["id"])) == PARAMETER, "began earlier today"
    assert refused(await reception.amend(every[0])) == INVALID
    assert refused(await reception.cancel(cancelled(every[0]))) == INVALID


@pytest.mark.parametrize(
    "query",
    [
        pytest.param([("start", f"ge{day(1)}")], id="one end"),
        pytest.param([("start", f"ge{day(1)}"), ("start", f"ge{day(2)}")], id="the same end twice"),
        pytest.param([("start", f"ge{day(1)}"), ("end", f"le{day(2)}")], id="another name"),
        pytest.param([("start", f"ge{day(1)}T09:00:00+00:00"), ("start", f"le{day(2)}")], id="a time"),
        pytest.param([("start", f"ge{day(1)[:7]}"), ("start", f"le{day(2)}")], id="a month"),
        pytest.param([("start", "ge2031-02-30"), ("start", "le2031-03-02")], id="no such day"),
        pytest.param([("start", f"ge{day(-2)}"), ("start", f"le{day(2)}")], id="begins in the past"),
        pytest.param([("start", f"ge{day(5)}"), ("start", f"le{day(2)}")], id="backwards"),
    ],
)
async def test_a_range_that_breaks_a_rule(reception, query):
    assert refused(await reception.retrieve(reception.patient_id(NUMBER), query)) == PARAMETER


async def test_nobody_and_nothing(reception):
    assert found(await reception.retrieve(reception.patient_id(NUMBER))) == []
    assert refused(await reception.retrieve("nobody")) == (404, "PATIENT_NOT_FOUND")


async def test_amending_changes_the_texts_and_the_version(reception):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    answer = await reception.amend({**stored, "description": "Suture removal", "comment": "Ask for Jo"})
    assert answer.status_code == 200, answer.text
    amended = answer.json()
    assert (amended["description"], amended["comment"]) == ("Suture removal", "Ask for Jo")
    assert (answer.headers["etag"], amended["meta"]["versionId"]) == ('W/"2"', "2")
    assert {name for name in amended if amended[name] != stored.get(name)} == {
        "meta",
        "description",
        "comment",
    }
    (entry,) = [one for one in reception.diary.appointments() if one.nhs_number == NUMBER]
    assert [change.description for change in entry.history] == [stored["description"], "Suture removal"]


@pytest.mark.parametrize(
    "changed",
    [
        {"description": None},
        {"description": "x" * 101},
        {"comment": "x" * 501},
        {"status": "cancelled"},
        {"start": "2035-01-01T10:00:00+00:00"},
        {"minutesDuration": 10},
        {"reason": [{"text": "cough"}]},
        {"serviceType": None},
        {"contained": None},
        {"meta": {"versionId": "1"}},
        {"meta": {"profile": [f"{PROFILE}GPConnect-Appointment-1"]}},
        {"meta": {"profile": [f"{PROFILE}GPConnect-Appointment-1"], "versionId": "7"}},
        {"id": "another"},
        {"id": None},
    ],
)
async def test_an_amendment_that_breaks_a_rule(reception, changed):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    body = {name: value for name, value in {**stored, **changed}.items() if value is not None}
    answer = await reception.amend(body, version='W/"1"', id_=stored["id"])
    assert refused(answer) == INVALID
    assert (await reception.read(stored["id"])).json() == stored


async def test_a_lost_extension_is_a_change(reception):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    reordered = {**stored, "extension": stored["extension"][::-1], "description": "Other"}
    answer = await reception.amend(reordered)
    assert answer.status_code == 200
    body = answer.json()
    assert refused(await reception.amend({**body, "extension": body["extension"][:2]})) == INVALID
    reason = [*body["extension"], {"url": CANCELLED_FOR, "valueString": "x"}]
    assert refused(await reception.amend({**body, "extension": reason})) == INVALID


@pytest.mark.parametrize("write", ["amend", "cancel"])
async def test_the_version_must_be_the_current_one(reception, write):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    body = cancelled(stored) if write == "cancel" else {**stored, "description": "Other"}
    put = getattr(reception, write)
    assert refused(await put(body, version="")) == (400, "BAD_REQUEST")
    assert refused(await put(body, version='"1"')) == (400, "BAD_REQUEST")
    assert refused(await put(body, version='W/"7"')) == STALE
    reception.diary.staff_touch(stored["id"])
    assert refused(await put(body)) == STALE
    fresh = (await reception.read(stored["id"])).json()
    assert (await put({**body, "meta": fresh["meta"]})).status_code == 200


async def test_cancelling_frees_the_slot_at_once(reception):
    (slot,) = reception.free_slots()
    stored = await reception.booked(NUMBER, slot)
    answer = await reception.cancel(cancelled(stored))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["meta"]["versionId"]) == ("cancelled", "2")
    assert body["extension"][-1]["valueString"] == "Patient admitted"
    assert slot.id in [one["id"] for one in found(await reception.search(), "Slot")]
    assert found(await reception.retrieve(reception.patient_id(NUMBER)))[0]["status"] == "cancelled"
    again = await reception.booked(NUMBER, slot)
    assert again["id"] != stored["id"]
    assert refused(await reception.cancel(body)) == INVALID, "cancelled already"
    assert refused(await reception.amend({**body, "extension": stored["extension"]})) == INVALID
    assert reception.diary.slot(slot.id).taken_by == again["id"]


@pytest.mark.parametrize("changed", [{"description": "Other"}, {"comment": "Other"}, {"status": "booked"}])
async def test_a_cancellation_that_changes_more_or_less(reception, changed):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    assert refused(await reception.cancel({**cancelled(stored), **changed})) == INVALID
    without_reason = {**stored, "status": "cancelled"}
    assert refused(await reception.cancel(without_reason)) == INVALID
    assert (await reception.read(stored["id"])).json() == stored


async def test_a_practice_that_keeps_the_version_of_what_is_cancelled(consumer):
    reception = Reception(consumer, "A99002")
    stored = await reception.booked(BY_NAME["inherited_fields"].nhs_number, *reception.free_slots())
    body = (await reception.cancel(cancelled(stored))).json()
    assert (body["status"], body["meta"]["versionId"]) == ("cancelled", "1")


async def test_visits_are_seen_and_never_changed(reception):
    number = BY_NAME["home_visit"].nhs_number
    (visit,) = found(await reception.retrieve(reception.patient_id(number)))
    assert {"url": visit["extension"][-1]["url"], "valueCode": "Visit"} == visit["extension"][-1]
    place = visit["participant"][1]["actor"]["reference"]
    answer = await reception.ask("rest:read:location-1", f"/{place}", "organization/*.read")
    assert answer.json()["name"] == "Contact practice for location of the visit"
    assert refused(await reception.amend({**visit, "description": "Other"})) == INVALID
    assert refused(await reception.cancel(cancelled(visit))) == INVALID
    (slot,) = [one for one in reception.diary.slots() if one.channel == "Visit"]
    slot.taken_by, slot.is_bookable = None, True
    assert slot.id not in [one["id"] for one in found(await reception.search(), "Slot")]
    assert refused(await reception.book(booking(reception.patient_id(NUMBER), slot))) == INVALID


async def test_whoever_takes_over_a_session_is_seen_on_its_appointments(reception):
    (slot,) = reception.free_slots()
    stored = await reception.booked(NUMBER, slot)
    other = next(one for one in reception.diary.premises.staff if one is not slot.schedule.clinician)
    reception.diary.staff_hand_over(slot.schedule, other.id)
    read = (await reception.read(stored["id"])).json()
    assert read["participant"][2]["actor"]["reference"] == f"Practitioner/{other.id}"
    assert read["meta"]["versionId"] == "2"
