"""What changes something is tried without a bus as well: done once, settled, or in doubt."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from bridge.observe.recorder import recording
from bridge.observe.vocabulary.base import TelemetryEvent
from bridge.observe.vocabulary.requests import StageEnded
from bridge.pipelines.events import APPOINTMENT_BOOKED, SLOTS_FOUND, AppointmentBooked, SlotsFound
from bridge.pipelines.requests import AppointmentRequest, AppointmentsRequest, SlotsRequest
from bridge.sandbox import MAIN
from bridge.testing import FaultKind, InjectedFault, Result, Site, site
from pipelines.appointments.pipeline import appointments

PATIENT = "rich_record"
LOST = InjectedFault(FaultKind.LOST, status=504, times=1, on=("book",))


async def book_first_slot(here: Site) -> Result:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    wanted = here.request(SlotsRequest, PATIENT, start=tomorrow, end=tomorrow + timedelta(days=12))
    found = await here.run(appointments, wanted)
    offer = found.data(SLOTS_FOUND, SlotsFound)["found"]["slots"][0]["offer"]
    here.fault(PATIENT, LOST)
    request = here.request(
        AppointmentRequest,
        PATIENT,
        choices=[[offer]],
        description="Wound check",
        organisation_phone="01130000000",
    )
    return await here.run(appointments, request)


async def test_a_booking_whose_answer_was_lost_is_settled_and_made_once():
    async with site() as here:
        first = await book_first_slot(here)
        assert (first.outcome, first.kinds) == ("retrying", [])
        ended = await here.finish(first)
        assert ended.outcome == "completed"
        booked = ended.data(APPOINTMENT_BOOKED, AppointmentBooked)["appointment"]
        history = here.sandbox.diary(MAIN.ods).appointment(booked["appointment_id"]).history
        assert [change.action for change in history] == ["booked"]


async def test_while_nobody_can_tell_the_request_is_in_doubt_and_says_so():
    async with site({"BRIDGE_RETRY_ATTEMPTS": "1"}) as here:
        first = await book_first_slot(here)
        here.fault(PATIENT, InjectedFault(FaultKind.STATUS, status=503))
        ended = await here.finish(first)
    assert (ended.outcome, ended.kinds) == ("in_doubt", ["appointment.in_doubt.v1"])


async def test_mapping_of_appointments_is_a_stage_as_that_of_records_is():
    class Stages:
        seen: ClassVar[list[str]] = []

        def record(self, event: TelemetryEvent) -> None:
            if isinstance(event, StageEnded):
                self.seen.append(event.stage)

    async with site() as here:
        today = datetime.now(UTC).date()
        listed = here.request(AppointmentsRequest, PATIENT, start=today, end=today + timedelta(days=7))
        with recording(Stages()):
            assert (await here.run(appointments, listed)).outcome == "completed"
    assert "map" in Stages.seen
