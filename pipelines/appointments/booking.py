"""Booking the first of several choices, for a patient who may have to be registered first."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bridge.pipelines import FailureCode, NotDone, Refused
from bridge.pipelines.events import RefusedChoice
from bridge.pipelines.practice import LocalPatient, NewRegistration, PracticeBooking, StoredAppointment
from bridge.pipelines.requests import Booking as BookingRequest
from bridge.pipelines.requests import Choice, RegistrationDetails
from pipelines.appointments import side_effects
from pipelines.appointments.practice_session import PracticeSession, reason_of


def bookings(
    request: BookingRequest,
    choices: Sequence[Choice],
    patient: LocalPatient,
    *,
    description: str,
    comment: str | None,
) -> list[PracticeBooking]:
    """What may be booked, in order of preference."""
    now = datetime.now(UTC)
    return [
        PracticeBooking(
            patient=patient.id,
            slots=choice,
            organisation=request.requested_by.organisation,
            organisation_phone=request.organisation_phone,
            created=now,
            description=description,
            comment=comment,
        )
        for choice in choices
    ]


async def book_first(
    at: PracticeSession, wanted: Sequence[PracticeBooking]
) -> tuple[StoredAppointment | None, list[RefusedChoice]]:
    """Book one; the next is tried only after a clear no, so that there are never two.

    Returns:
        The appointment, if any choice could be had, and why those before it could not.
    """
    refused: list[RefusedChoice] = []
    for number, booking in enumerate(wanted, start=1):
        try:
            return await side_effects.book(at, booking), refused
        except Refused as refusal:
            refused.append({"choice": number, "reason": reason_of(refusal)})
            if isinstance(refusal, NotDone):
                break  # nothing may be sent any more
    return None, refused


async def enrolled(at: PracticeSession, details: RegistrationDetails | None) -> tuple[LocalPatient, bool]:
    """The patient at this practice, registered as temporary if need be, and whether that was done for it.

    Args:
        at: the practice.
        details: for a registration; None makes none.

    Raises:
        Refused: ``patient_unknown``, or why they were not registered.
    """
    if details is None:
        return await at.patient(), False
    if not side_effects.was_registering(at) and (patient := await at.find_patient()) is not None:
        return patient, False
    patient, was_active = await side_effects.register(at, registration(at, details))
    return patient, not was_active


def registration(at: PracticeSession, details: RegistrationDetails) -> NewRegistration:
    """Who is to be registered: by the names of PDS, which the practice compares (FN-021 to FN-025).

    Raises:
        Refused: ``incomplete``: neither PDS nor the request has what a registration needs.
    """
    traced, sent = at.traced, at.gp.request.patient
    family_name = traced.family_name or sent.family_name
    given_names = traced.given_names or tuple(filter(None, [sent.given_name]))
    known = at.gp.details(traced)
    birth_date = known["birth_date"]
    if not (family_name and given_names and birth_date):
        raise Refused(FailureCode.REGISTRATION_REFUSED, stage="request", reason="incomplete")
    return NewRegistration(
        nhs_number=traced.nhs_number,
        family_name=family_name,
        given_names=given_names,
        birth_date=birth_date,
        gender=known["gender"],
        details=details,
    )
