"""Appointments: find free slots, book, amend, cancel, reschedule, list. What changes something does it once.

Requests about one patient are worked on in order of arrival. How a side effect is caused once, and settled
when its answer is lost: `pipelines.appointments.side_effects`.
"""

from bridge.pipelines import Context, Event, Pipeline, Refused, RequestRejected, events
from bridge.pipelines.errors import AppointmentRefused
from bridge.pipelines.practice import (
    LONGEST_DESCRIPTION,
    StoredAppointment,
    Window,
    check_changeable,
    map_appointments,
    timestamp,
    today,
)
from bridge.pipelines.requests import (
    AppointmentAmendRequest,
    AppointmentCancelRequest,
    AppointmentRequest,
    AppointmentRescheduleRequest,
    AppointmentsRequest,
    SlotsRequest,
)
from bridge.pipelines.telemetry import stage
from pipelines.appointments import side_effects
from pipelines.appointments.booking import book_first, bookings, enrolled
from pipelines.appointments.in_doubt import in_doubt_about
from pipelines.appointments.practice_session import PracticeSession, reason_of

appointments = Pipeline("appointments")

_REFUSED_OR_IN_DOUBT = {
    events.APPOINTMENT_REFUSED: events.AppointmentRefusedData,
    events.APPOINTMENT_IN_DOUBT: events.AppointmentInDoubt,
}


@appointments.operation(
    accepts="slots.requested.v1",
    request=SlotsRequest,
    publishes={events.SLOTS_FOUND: events.SlotsFound},
)
async def find_slots(request: SlotsRequest, gp: Context) -> list[Event]:
    """Find the free slots of one practice, fortnight by fortnight, each with the offer that books it."""
    try:
        window = Window.of(request.start, request.end)
    except ValueError:
        raise RequestRejected("data.end", "must be after the start") from None
    at = await PracticeSession.of(gp, request.practice_ods_code)
    found = await gp.free_slots(at.practice, window, at.traced, organisation_type=request.organisation_type)
    return [events.slots_found(at.header, found)]


@appointments.operation(
    accepts="appointment.requested.v1",
    request=AppointmentRequest,
    publishes={events.APPOINTMENT_BOOKED: events.AppointmentBooked, **_REFUSED_OR_IN_DOUBT},
    ordered=True,
    in_doubt=in_doubt_about("book"),
)
async def book(request: AppointmentRequest, gp: Context) -> list[Event]:
    """Book the first of the choices that can be had, for a patient who is registered first if need be."""
    at = await PracticeSession.of(gp, request.practice_ods_code)
    if refused := at.check_offers(request.choices):
        return [events.appointment_refused(at.header, "book", refused[-1]["reason"], choices=refused)]
    try:
        patient, was_registered = await enrolled(at, request.register_if_unknown)
    except Refused as refusal:
        return [events.appointment_refused(at.header, "book", reason_of(refusal))]
    wanted = bookings(
        request, request.choices, patient, description=request.description, comment=request.comment
    )
    stored, refused = await book_first(at, wanted)
    if stored is None:
        return [events.appointment_refused(at.header, "book", refused[-1]["reason"], choices=refused)]
    return [
        events.appointment_booked(
            at.header,
            await at.shown(stored),
            choice=len(refused) + 1,
            was_registered=was_registered,
        )
    ]


@appointments.operation(
    accepts="appointment.amend.requested.v1",
    request=AppointmentAmendRequest,
    publishes={events.APPOINTMENT_AMENDED: events.AppointmentAmended, **_REFUSED_OR_IN_DOUBT},
    ordered=True,
    in_doubt=in_doubt_about("amend"),
)
async def amend(request: AppointmentAmendRequest, gp: Context) -> list[Event]:
    """Change the words of an appointment, in the very resource that the practice gave."""
    at = await PracticeSession.of(gp, request.appointment.practice_ods_code)
    try:
        stored = await side_effects.amend(at, request)
    except Refused as refusal:
        return [events.appointment_refused(at.header, "amend", reason_of(refusal))]
    return [events.appointment_amended(at.header, await at.shown(stored))]


@appointments.operation(
    accepts="appointment.cancel.requested.v1",
    request=AppointmentCancelRequest,
    publishes={events.APPOINTMENT_CANCELLED: events.AppointmentCancelled, **_REFUSED_OR_IN_DOUBT},
    ordered=True,
    in_doubt=in_doubt_about("cancel"),
)
async def cancel(request: AppointmentCancelRequest, gp: Context) -> list[Event]:
    """Cancel an appointment, with the reason for the practice."""
    at = await PracticeSession.of(gp, request.appointment.practice_ods_code)
    try:
        stored = await side_effects.cancel(at, request.appointment, reason=request.reason)
    except Refused as refusal:
        return [events.appointment_refused(at.header, "cancel", reason_of(refusal))]
    return [events.appointment_cancelled(at.header, await at.shown(stored))]


@appointments.operation(
    accepts="appointment.reschedule.requested.v1",
    request=AppointmentRescheduleRequest,
    publishes={events.APPOINTMENT_RESCHEDULED: events.AppointmentRescheduled, **_REFUSED_OR_IN_DOUBT},
    ordered=True,
    in_doubt=in_doubt_about("reschedule"),
)
async def reschedule(request: AppointmentRescheduleRequest, gp: Context) -> list[Event]:
    """Book the new time first, so that the patient is never without, and give up the old one after that.

    Refused half-way it tells of both appointments; a request that names the new one as `booked` continues.
    """
    there = await PracticeSession.of(gp, request.appointment.practice_ods_code)
    if refused := there.check_offers(request.choices):
        no = events.appointment_refused(
            there.header, "reschedule", refused[-1]["reason"], choices=refused, standing="nothing_booked"
        )
        return [no]
    try:
        old = await side_effects.to_be_changed(there, side_effects.CANCEL, request.appointment)
        at, stored, refused = await _new_appointment(there, old, request)
    except Refused as refusal:
        no = events.appointment_refused(
            there.header, "reschedule", reason_of(refusal), standing="nothing_booked"
        )
        return [no]
    if stored is None:
        no = events.appointment_refused(
            at.header, "reschedule", refused[-1]["reason"], choices=refused, standing="nothing_booked"
        )
        return [no]
    booked = await at.shown(stored)
    try:
        old = await side_effects.cancel(there, request.appointment, reason=request.reason)
    except Refused as refusal:
        if (reason := reason_of(refusal)) != "already_cancelled":  # by somebody else, which is as good
            no = events.appointment_refused(
                there.header, "reschedule", reason, standing="both_booked", booked=booked
            )
            return [no]
    choice = None if request.booked else len(refused) + 1
    return [events.appointment_rescheduled(at.header, booked, await there.shown(old), choice=choice)]


async def _new_appointment(
    there: PracticeSession, old: StoredAppointment, request: AppointmentRescheduleRequest
) -> tuple[PracticeSession, StoredAppointment | None, list[events.RefusedChoice]]:
    """The appointment that is to be in place of `old`: booked now, or by an earlier request."""
    if request.booked is not None:
        at = there.elsewhere(request.booked.practice_ods_code)
        stored = await at.appointment(request.booked)
        if stored.status != "booked":
            raise AppointmentRefused("already_cancelled", stage="request", detail="the new one")
        return at, stored, []
    if not there.gp.has_tried_to_send:
        check_changeable(old)  # else the patient would be left with two
    description = request.description or old.description
    if not description or len(description) > LONGEST_DESCRIPTION:
        raise RequestRejected("data.description", "must be given: the old one has none that can be booked")
    at = there.elsewhere(request.choices[0][0].practice_ods_code)
    wanted = bookings(
        request, request.choices, await at.patient(), description=description, comment=request.comment
    )
    return at, *await book_first(at, wanted)


@appointments.operation(
    accepts="appointments.requested.v1",
    request=AppointmentsRequest,
    publishes={
        events.APPOINTMENTS_FOUND: events.AppointmentsFound,
        events.PATIENT_NOT_FOUND: events.PatientNotFound,
    },
    ordered=True,
)
async def list_appointments(request: AppointmentsRequest, gp: Context) -> list[Event]:
    """List a patient's appointments at one practice from today on, with the names of people and places."""
    at = await PracticeSession.of(gp, request.practice_ods_code)
    patient = await at.find_patient()
    if patient is None:
        return [events.patient_not_found(at.header)]
    listed = await at.practice.patient_appointments(patient.id, request.start, request.end)
    context = await at.people_and_places(listed.found)
    with stage("map"):
        found = map_appointments(
            [each.resource for each in listed.found],
            practice_ods_code=at.practice.practice_ods,
            first_day=max(request.start, today()),
            last_day=request.end,
            retrieved_at=timestamp(),
            context=context,
            issues=listed.issues,
        )
    return [events.appointments_found(at.header, found)]
