"""Work whose answer is lost, late, or overtaken; and reading the book from another process (AP-P09, AP-P10)."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from bridge.sandbox import APPOINTMENT_FAULTS, BY_NAME, FaultKind, InjectedFault, Storm
from tests.integration.sandbox.reception import booking, cancelled, found, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"
BOOK = ("book",)
TAKEN = (409, "DUPLICATE_REJECTED")


def held(reception, number=NUMBER):
    return [one for one in reception.diary.appointments() if one.nhs_number == number]


async def wanted(reception):
    return booking(reception.patient_id(NUMBER), *reception.free_slots())


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (InjectedFault(FaultKind.DROP, at="proxy", on=BOOK, times=1), None),
        (InjectedFault(FaultKind.DROP, on=BOOK, times=1), 502),
        (InjectedFault(FaultKind.LOST, status=504, on=BOOK, times=1), 504),
        (InjectedFault(FaultKind.LOST, at="proxy", status=504, on=BOOK, times=1), 504),
        (InjectedFault(FaultKind.EMPTY_OBJECT, on=BOOK, times=1), 200),
    ],
)
async def test_the_work_is_done_and_the_answer_lost(reception, fault, status):
    reception.sandbox.fault(NUMBER, fault)
    assert (await reception.find(NUMBER)).status_code == 200, "other operations go well"
    body = await wanted(reception)
    if status is None:
        with pytest.raises(httpx.RemoteProtocolError):
            await reception.book(body)
    else:
        assert (await reception.book(body)).status_code == status
    (appointment,) = found(await reception.retrieve(reception.patient_id(NUMBER)))
    assert appointment["created"] == body["created"]
    assert refused(await reception.book(body)) == TAKEN, "our own success"


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault(FaultKind.RESET, on=BOOK, times=1),
        InjectedFault(FaultKind.RESET, at="proxy", on=BOOK, times=1),
        InjectedFault(FaultKind.STATUS, status=500, on=BOOK, times=1),
    ],
)
async def test_a_crash_before_anything_is_done(reception, fault):
    reception.sandbox.fault(NUMBER, fault)
    body = await wanted(reception)
    try:
        assert (await reception.book(body)).status_code >= 500
    except httpx.TransportError:
        assert fault.at == "proxy"
    assert not held(reception)
    assert (await reception.book(body)).status_code == 201


async def test_the_work_is_done_after_the_client_gave_up(reception):
    reception.sandbox.fault(NUMBER, InjectedFault(FaultKind.LATE, status=504, delay=0.05, on=BOOK, times=1))
    body = await wanted(reception)
    answer = await reception.book(body)
    assert refused(answer) == (504, "504"), "in the words of the proxy"
    while not held(reception):
        await asyncio.sleep(0.01)
    (booked,) = held(reception)[0].history
    arrived = reception.sandbox.calls.of("practice")[-1].at
    assert booked.at - arrived > timedelta(seconds=0.04)
    assert refused(await reception.book(body)) == TAKEN


async def test_late_work_and_another_try_come_to_one_appointment(reception):
    reception.sandbox.fault(NUMBER, InjectedFault(FaultKind.LATE, status=504, delay=0.05, on=BOOK, times=1))
    body = await wanted(reception)
    await reception.book(body)
    second = await reception.book(body)
    await asyncio.sleep(0.1)
    assert second.status_code in {201, 409}, "whichever is first"
    assert len(held(reception)) == 1


async def test_a_reset_leaves_late_work_undone(reception):
    reception.sandbox.fault(NUMBER, InjectedFault(FaultKind.LATE, status=504, delay=0.05, on=BOOK))
    await reception.book(await wanted(reception))
    reception.sandbox.reset()
    await asyncio.sleep(0.1)
    assert not held(reception)


async def test_everyone_but_the_first_is_told_that_it_exists(reception):
    refusal = InjectedFault(FaultKind.STATUS, status=409, code="DUPLICATE_REJECTED", after=1, on=BOOK)
    reception.sandbox.fault("A99001", refusal)
    assert (await reception.book(await wanted(reception))).status_code == 201
    assert refused(await reception.book(await wanted(reception))) == TAKEN


async def test_a_slot_goes_between_search_and_booking(reception):
    reception.sandbox.fault(NUMBER, InjectedFault(FaultKind.TAKEN, times=1))
    body = await wanted(reception)
    assert refused(await reception.book(body)) == TAKEN
    slot = body["slot"][0]["reference"].removeprefix("Slot/")
    assert slot not in [one["id"] for one in found(await reception.search(), "Slot")]
    assert not held(reception)


@pytest.mark.parametrize("write", ["amend", "cancel"])
async def test_somebody_saves_the_appointment_first(reception, write):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    reception.sandbox.fault(NUMBER, InjectedFault(FaultKind.TOUCHED, on=(write,), times=1))
    body = cancelled(stored) if write == "cancel" else {**stored, "description": "Other"}
    put = getattr(reception, write)
    assert (await put(body)).status_code == 409
    fresh = (await reception.read(stored["id"])).json()
    assert fresh["meta"]["versionId"] == "2"
    assert (await put({**body, "meta": fresh["meta"]})).status_code == 200


@pytest.mark.parametrize("write", ["amend", "cancel"])
async def test_the_answer_of_a_change_is_lost(reception, write):
    stored = await reception.booked(NUMBER, *reception.free_slots())
    reception.sandbox.fault(NUMBER, InjectedFault(FaultKind.DROP, at="proxy", on=(write,), times=1))
    body = cancelled(stored) if write == "cancel" else {**stored, "description": "Other"}
    with pytest.raises(httpx.RemoteProtocolError):
        await getattr(reception, write)(body)
    now = (await reception.read(stored["id"])).json()
    assert now["meta"]["versionId"] == "2"
    assert (now["status"], now["description"]) == (body["status"], body["description"])


async def test_a_refusal_can_be_lost_too(reception):
    reception.sandbox.fault(NUMBER, InjectedFault(FaultKind.DROP, at="practice", on=BOOK, times=1))
    body = await wanted(reception)
    assert (await reception.book({**body, "reason": [{"text": "x"}]})).status_code == 502
    assert not held(reception)


async def test_a_fault_at_the_proxy_finds_its_patient_in_every_operation(reception):
    number = BY_NAME["has_appointments"].nhs_number
    patient = reception.patient_id(number)
    stored = found(await reception.retrieve(patient))[1]
    reception.sandbox.fault(number, InjectedFault(FaultKind.STATUS, at="proxy", status=503))
    answers = [
        await reception.find(number),
        await reception.retrieve(patient),
        await reception.read(stored["id"]),
        await reception.amend(stored),
        await reception.cancel(cancelled(stored)),
        await reception.book(booking(patient, *reception.free_slots())),
    ]
    assert [answer.status_code for answer in answers] == [503] * 6
    assert {call.nhs_number for call in reception.sandbox.calls.of("proxy")[-6:]} == {number}
    assert (await reception.find(NUMBER)).status_code == 200


async def test_a_storm_makes_every_kind_of_trouble_and_nothing_twice(reception):
    reception.sandbox.storm(Storm(seed=11, probability=0.5))
    seen = set()
    for slot in [reception.free_slots(first=first)[0] for first in range(1, 21)]:
        body = booking(reception.patient_id(NUMBER), slot)
        try:
            seen.add((await reception.book(body)).status_code)
        except httpx.TransportError:
            seen.add(None)
    assert {201, None} < seen
    slots = [slot.id for one in held(reception) for slot in one.slots]
    assert len(slots) == len(set(slots))
    assert {call.fault for call in reception.sandbox.calls} & {one.kind.value for one in APPOINTMENT_FAULTS}


async def test_the_book_is_read_and_steered_from_another_process(reception):
    control, http = reception.sandbox.urls["control"], reception.consumer.http
    url = f"{control}/diary/A99001"
    (slot,) = reception.free_slots()
    stored = await reception.booked(NUMBER, slot)
    await reception.amend({**stored, "description": "Other"})
    told = (await http.get(url)).json()
    (entry,) = [one for one in told["appointments"] if one["nhs_number"] == NUMBER]
    assert (entry["id"], entry["slots"], entry["organisation"]) == (stored["id"], [slot.id], "RZZ01")
    assert [(one["action"], one["description"]) for one in entry["history"]] == [
        ("booked", stored["description"]),
        ("amended", "Other"),
    ]
    assert told["taken"][slot.id] == stored["id"]
    (other,) = reception.free_slots()
    for order in ({"take": other.id}, {"touch": stored["id"]}, {"limit": {"RZZ01": 1}}):
        assert (await http.post(url, json=order)).status_code == 204
    assert other.taken_by == "practice"
    assert (await reception.read(stored["id"])).json()["meta"]["versionId"] == "3"
    assert (await reception.book(await wanted(reception))).status_code == 422
    storm = {"key": "*", "storm": {"seed": 1, "probability": 1.0, "faults": [{"kind": "status"}]}}
    assert (await http.put(f"{control}/storm", json=storm)).status_code == 204
    assert (await reception.find(NUMBER)).status_code == 500
    assert (await http.post(f"{control}/reset")).status_code == 204
    assert not held(reception)
    assert (await reception.find(NUMBER)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/diary/Z99999", None),
        ("POST", "/diary/A99001", {"burn": True}),
        ("POST", "/diary/A99001", {"touch": "nowhere"}),
        ("PUT", "/storm", {"key": "*", "storm": {"seed": 1}}),
        ("PUT", "/faults", {"key": "*", "fault": {"on": ["booking"]}}),
    ],
)
async def test_an_order_that_is_none_is_refused(reception, method, path, body):
    url = f"{reception.sandbox.urls['control']}{path}"
    assert (await reception.consumer.http.request(method, url, json=body)).status_code == 400
