"""A discharge team finds, books, amends, moves, cancels and lists appointments, and registers patients."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME, MAIN, OLDER, FaultKind, InjectedFault
from tests.support.processes import bridge
from tests.support.published import check
from tests.support.reception import EXAMPLES, adjacent, day, example, ref_of, routing_key

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.rabbit]

PATIENT = BY_NAME["rich_record"].nhs_number


async def ask(site, name, **changes):
    return await site.reception.ask(name, **changes)


def of_diary(site, appointment, ods=MAIN.ods):
    """The practice's own book says of an appointment."""
    return site.sandbox.diary(ods).appointment(appointment["appointment_id"])


@pytest.mark.duty("AP-012", "AP-013", "AP-014", "AP-015", "AP-016", "AP-017", "AP-018", "AP-021")
async def test_a_slot_carries_all_that_must_be_shown(site):
    kind, data = await ask(site, "slots.requested", start=day(0), end=day(13))
    assert kind == "slots.found.v1"
    slots = data["found"]["slots"]
    now = datetime.now(UTC)
    for slot in slots:
        assert datetime.fromisoformat(slot["offer"]["start"]) > now
        assert slot["minutes"] > 0
        assert slot["offer"]["delivery_channel"] in {"In-person", "Telephone", "Video"}
        assert slot["offer"]["service_type"]
        assert slot["session"]
        assert slot["location"]["name"]
        assert slot["location"]["address"]["lines"]
        assert slot["practitioner_role"]["term"]
    with_somebody = [slot["practitioner"] for slot in slots if "practitioner" in slot]
    assert with_somebody
    assert all(practitioner["name"] for practitioner in with_somebody)
    assert any(practitioner.get("gender") for practitioner in with_somebody)


@pytest.mark.duty("AP-007", "AP-031")
async def test_a_long_window_is_asked_for_by_fortnights_and_gives_every_slot_once(site):
    site.sandbox.calls.clear()
    slots = await site.reception.free_slots(PATIENT, 1, 35)
    ids = [slot["offer"]["slot_id"] for slot in slots]
    assert len(ids) == len(set(ids))
    searches = [call for call in site.sandbox.calls.of("practice") if call.interaction.endswith("slot-1")]
    assert len(searches) == 3
    book = site.sandbox.diary(MAIN.ods)
    free = [slot for slot in book.slots() if slot.taken_by is None and slot.is_bookable]
    wanted = {
        slot.id
        for slot in free
        if day(1) <= slot.start.date().isoformat() <= day(35)
        and slot.is_for(None, "RZZ01")
        and slot.opens is None
    }
    assert set(ids) == wanted


@pytest.mark.duty("AP-030", "AP-032", "AP-050", "AP-053", "AP-097")
async def test_two_adjacent_slots_become_one_appointment(site):
    one, other = adjacent(await site.reception.free_slots(PATIENT))
    kind, data = await ask(site, "appointment.requested", choices=[[one, other]])
    assert kind == "appointment.booked.v1"
    assert (data["choice"], data["was_registered"]) == (1, False)
    booked = data["appointment"]
    assert (booked["start"], booked["end"]) == (one["start"], other["end"])
    assert booked["location"]["name"]
    assert booked["practitioner"]["name"]
    assert booked["booked_by"]["ods_code"] == "RZZ01"
    held = of_diary(site, booked)
    assert [slot.id for slot in held.slots] == [one["slot_id"], other["slot_id"]]
    assert held.description == "Follow-up after discharge"
    assert held.nhs_number == PATIENT


async def test_the_next_choice_is_taken_when_the_first_is_gone(site):
    first, second, *_ = [slot["offer"] for slot in await site.reception.free_slots(PATIENT)]
    site.sandbox.diary(MAIN.ods).staff_take(first["slot_id"])
    kind, data = await ask(site, "appointment.requested", choices=[[first], [second]])
    assert (kind, data["choice"]) == ("appointment.booked.v1", 2)
    assert [slot.id for slot in of_diary(site, data["appointment"]).slots] == [second["slot_id"]]


@pytest.mark.duty("AP-070", "AP-071", "AP-074", "AP-077")
async def test_an_appointment_is_amended_in_place(site):
    offer = (await site.reception.free_slots(PATIENT))[0]["offer"]
    booked = await site.reception.booked(PATIENT, offer)
    kind, data = await ask(site, "appointment.amend.requested", appointment=ref_of(booked))
    assert kind == "appointment.amended.v1"
    assert data["appointment"]["description"] == "Follow-up after discharge, brings a relative"
    assert data["appointment"]["comment"] == booked["comment"]
    assert data["appointment"]["version_id"] != booked["version_id"]
    assert [change.action for change in of_diary(site, booked).history] == ["booked", "amended"]


@pytest.mark.duty("AP-080", "AP-083", "AP-085", "AP-087")
async def test_an_appointment_is_cancelled_and_its_slot_free_again(site):
    offer = (await site.reception.free_slots(PATIENT))[0]["offer"]
    booked = await site.reception.booked(PATIENT, offer)
    kind, data = await ask(site, "appointment.cancel.requested", appointment=ref_of(booked))
    assert (kind, data["appointment"]["status"]) == ("appointment.cancelled.v1", "cancelled")
    assert data["appointment"]["cancellation_reason"] == "The patient is still in hospital."
    free = {slot["offer"]["slot_id"] for slot in await site.reception.free_slots(PATIENT)}
    assert offer["slot_id"] in free


async def test_an_appointment_is_moved_the_new_one_booked_before_the_old_one_is_given_up(site):
    first, second, *_ = [slot["offer"] for slot in await site.reception.free_slots(PATIENT)]
    old = await site.reception.booked(PATIENT, first)
    kind, data = await ask(
        site, "appointment.reschedule.requested", appointment=ref_of(old), choices=[[second]]
    )
    assert kind == "appointment.rescheduled.v1"
    assert data["booked"]["description"] == old["description"]
    assert data["cancelled"]["appointment_id"] == old["appointment_id"]
    new, gone = of_diary(site, data["booked"]), of_diary(site, old)
    assert (new.status, gone.status) == ("booked", "cancelled")
    assert new.history[0].at <= gone.history[-1].at


@pytest.mark.duty("AP-091", "AP-092", "AP-095", "AP-096", "AP-097")
async def test_a_listing_has_cancelled_ones_and_the_names_of_places_and_people(site):
    patient = BY_NAME["has_appointments"].nhs_number
    kind, data = await ask(
        site, "appointments.requested", patient={"nhs_number": patient}, start=day(-30), end=day(40)
    )
    assert (kind, data["found"]["first_day"]) == ("appointments.found.v1", day(0))
    found = data["found"]["appointments"]
    held = [one for one in site.sandbox.diary(MAIN.ods).appointments() if one.nhs_number == patient]
    assert {one["appointment_id"] for one in found} == {one.id for one in held}
    assert {"booked", "cancelled"} <= {one["status"] for one in found}
    assert all(one["location"]["name"] for one in found)
    assert all(one["practitioner"]["name"] for one in found if "practitioner" in one)


@pytest.mark.parametrize(
    ("name", "operation"),
    [("appointments.requested", "patient_appointments"), ("slots.requested", "search_slots")],
)
async def test_what_was_mended_to_read_an_answer_is_told(site, name, operation):
    patient = BY_NAME["has_appointments"].nhs_number
    asked = {"patient": {"nhs_number": patient}, "start": day(1), "end": day(20)}
    _, plain = await ask(site, name, **asked)
    site.sandbox.fault(MAIN.ods, InjectedFault(FaultKind.BYTE_ORDER_MARK, on=(operation,)))
    _, data = await ask(site, name, **asked)
    site.sandbox.clear_faults(MAIN.ods)
    codes = [[issue["code"] for issue in each["found"]["issues"]] for each in (plain, data)]
    assert "byte_order_mark" not in codes[0]
    assert codes[1].count("byte_order_mark") == 1
    parts = [each["found"].get("appointments", each["found"].get("slots")) for each in (plain, data)]
    assert len(parts[0]) == len(parts[1]) > 0


async def test_what_was_mended_to_read_one_appointment_or_a_patient_is_told_with_it(site):
    patient = BY_NAME["has_appointments"].nhs_number
    asked = {"patient": {"nhs_number": patient}}
    slots = await site.reception.free_slots(patient, practice_ods_code=MAIN.ods)
    site.sandbox.fault(MAIN.ods, InjectedFault(FaultKind.BYTE_ORDER_MARK))
    found, data = await ask(site, "patient.find.requested", **asked, practice_ods_code=MAIN.ods)
    assert (found, "byte_order_mark" in data["patient"]["issue_codes"]) == ("patient.found.v1", True)
    booked, data = await ask(site, "appointment.requested", **asked, choices=[[slots[0]["offer"]]])
    site.sandbox.clear_faults(MAIN.ods)
    assert (booked, "byte_order_mark" in data["appointment"]["issue_codes"]) == (
        "appointment.booked.v1",
        True,
    )


@pytest.mark.duty("FN-034", "FN-020", "AP-100", "AP-105")
async def test_somebody_from_elsewhere_is_registered_as_temporary_and_booked_in_one_request(site):
    patient = BY_NAME["registered_elsewhere"].nhs_number
    slots = await site.reception.free_slots(patient, practice_ods_code=MAIN.ods)
    kind, data = await ask(
        site, "appointment.requested", patient={"nhs_number": patient}, choices=[[slots[0]["offer"]]]
    )
    assert (kind, data["reason"]) == ("appointment.refused.v1", "patient_unknown")
    kind, data = await ask(site, "appointment.requested.temporary", choices=[[slots[0]["offer"]]])
    assert (kind, data["was_registered"]) == ("appointment.booked.v1", True)
    assert data["practice_ods_code"] == MAIN.ods
    kind, data = await ask(
        site,
        "patient.find.requested",
        patient={"nhs_number": patient},
        practice_ods_code=MAIN.ods,
    )
    assert (kind, data["patient"]["registration"]["kind"]) == ("patient.found.v1", "temporary")


@pytest.mark.duty("FN-002", "FN-016", "FN-036")
async def test_a_patient_is_found_at_their_practice_and_nowhere_else(site):
    kind, data = await ask(site, "patient.find.requested")
    assert (kind, data["patient"]["demographics"]["verdict"]) == ("patient.found.v1", "accept")
    kind, data = await ask(site, "patient.find.requested", practice_ods_code=OLDER.ods)
    assert (kind, data["practice_ods_code"]) == ("patient.not_found.v1", OLDER.ods)


async def test_a_registration_tells_who_was_registered_and_who_was_active_already(site):
    lapsed = {"nhs_number": BY_NAME["lapsed_record"].nhs_number}
    for was_active in (False, True):
        kind, data = await ask(site, "patient.register.requested", patient=lapsed)
        assert (kind, data["was_active"]) == ("patient.registered.v1", was_active)
    other = {"nhs_number": BY_NAME["untraced_other"].nhs_number}
    kind, data = await ask(site, "patient.register.requested", patient=other)
    assert (kind, data["reason"]) == ("registration.refused.v1", "not_verified")


@pytest.mark.duty("AP-104", "FN-035")
@pytest.mark.parametrize(
    "name",
    ["slots.requested", "appointments.requested", "patient.find.requested", "patient.register.requested"],
)
async def test_nothing_is_asked_about_a_restricted_patient(site, name):
    site.sandbox.calls.clear()
    kind, data = await ask(
        site,
        name,
        patient={"nhs_number": BY_NAME["restricted"].nhs_number},
        **({"start": day(1), "end": day(2)} if "start" in example(name)["data"] else {}),
    )
    assert (kind, data["code"]) == ("request.failed.v1", "patient_restricted")
    assert not site.sandbox.calls.of("practice")


async def test_every_request_of_these_queues_has_an_example_that_keeps_its_schema():
    for pipeline in installed_pipelines(["appointments", "patients"]):
        for operation in pipeline.operations:
            message = example(operation.accepts.removesuffix(".v1"))
            assert routing_key(message) == operation.accepts
            check(operation.accepts, message["data"])


async def test_an_example_is_sent_from_a_terminal_as_it_is(site, tmp_path):
    environment = {
        "BRIDGE_SANDBOX": "true",
        "BRIDGE_BUS_URL": site.settings.bus.url or "",
        "BRIDGE_BUS_PREFIX": site.settings.bus.prefix,
    }
    for name, code, kind in (
        ("appointment.cancel.requested", 1, "appointment.refused.v1"),
        ("patient.find.requested", 0, "patient.found.v1"),
    ):
        file = EXAMPLES / f"{name}.json"
        done = await asyncio.to_thread(
            bridge, "send", "--wait", file, directory=tmp_path, environment=environment
        )
        event = json.loads(done.printed)
        assert (done.code, event["type"]) == (code, f"uk.nhs.gpconnect.{kind}"), done.errors
