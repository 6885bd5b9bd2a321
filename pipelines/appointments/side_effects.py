"""What changes something at a practice: each with how to learn, when the answer is lost, whether it was done.

GP Connect has no key that would make a call safe to repeat, so each goes through `Context.once`: written down
before it is sent, and afterwards settled by what the practice's own diary shows, never blindly sent again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from bridge.pipelines import Json
from bridge.pipelines.errors import AppointmentRefused, RegistrationRefused
from bridge.pipelines.practice import LocalPatient, NewRegistration, PracticeBooking, StoredAppointment
from bridge.pipelines.requests import AppointmentAmendRequest, AppointmentRef
from pipelines.appointments.practice_session import PracticeSession

REGISTER, BOOK, AMEND, CANCEL = (
    "patient.register",
    "appointment.book",
    "appointment.amend",
    "appointment.cancel",
)


def was_registering(at: PracticeSession) -> bool:
    """Whether this request was about to register the patient here in an earlier try."""
    return at.gp.sent(REGISTER, key=at.practice.practice_ods) is not None


async def register(at: PracticeSession, registration: NewRegistration) -> tuple[LocalPatient, bool]:
    """Register a temporary patient; the patient, and whether they were an active one already.

    Raises:
        Refused: not registered.
    """

    async def send() -> Json:
        try:
            return _found(await at.practice.register_patient(registration), was_active=False)
        except RegistrationRefused as refusal:
            if refusal.reason != "already_registered" or (patient := await at.find_patient()) is None:
                raise
            return _found(patient, was_active=True)

    async def settle() -> Json | None:
        patient = await at.find_patient()
        return None if patient is None else _found(patient, was_active=False)

    payload = {"header": at.header}
    kept = await at.gp.once(REGISTER, key=at.practice.practice_ods, payload=payload, send=send, settle=settle)
    return LocalPatient.from_json(kept["patient"]), kept["was_active"]


def _found(patient: LocalPatient, *, was_active: bool) -> Json:
    return {"patient": patient.as_json(), "was_active": was_active}


async def book(at: PracticeSession, booking: PracticeBooking) -> StoredAppointment:
    """Book.

    Raises:
        Refused: not booked.
    """
    slots = ",".join(f"Slot/{slot.slot_id}" for slot in booking.slots)
    key = f"{at.practice.practice_ods}/{slots}"
    if (sent := at.gp.sent(BOOK, key=key)) is not None:
        # The same at every try: it tells our own booking from one that a colleague made (AP-049).
        booking = replace(booking, created=datetime.fromisoformat(sent["created"]))

    async def send() -> Json:
        return (await at.practice.book(booking)).as_json()

    async def settle() -> Json | None:
        found = await at.practice.find_booking(booking)
        return None if found is None else found.as_json()

    payload = {"header": at.header, "created": booking.created.isoformat()}
    kept = await at.gp.once(BOOK, key=key, payload=payload, send=send, settle=settle)
    return StoredAppointment.from_json(kept)


async def to_be_changed(at: PracticeSession, kind: str, ref: AppointmentRef) -> StoredAppointment:
    """The appointment as it is, or was when this change was first sent: that tells whether it was made.

    Raises:
        Refused: this practice has no such appointment of this patient.
    """
    sent = at.gp.sent(kind, key=f"{ref.practice_ods_code}/Appointment/{ref.appointment_id}")
    return await at.appointment(ref) if sent is None else StoredAppointment.from_json(sent["appointment"])


async def amend(at: PracticeSession, request: AppointmentAmendRequest) -> StoredAppointment:
    """Change the words of an appointment.

    Raises:
        Refused: not amended.
    """
    before = await to_be_changed(at, AMEND, request.appointment)
    words = {"description": request.description, "comment": request.comment}

    async def send() -> Json:
        _check_version(before, request.appointment)
        return (await at.practice.amend(before, **words)).as_json()

    async def settle() -> Json | None:
        return await _settled(at.practice.settle_amend(before, **words))

    return await _change(at, AMEND, before, send, settle)


async def cancel(at: PracticeSession, ref: AppointmentRef, *, reason: str) -> StoredAppointment:
    """Cancel an appointment.

    Raises:
        Refused: not cancelled by us.
    """
    before = await to_be_changed(at, CANCEL, ref)

    async def send() -> Json:
        _check_version(before, ref)
        return (await at.practice.cancel(before, reason=reason)).as_json()

    async def settle() -> Json | None:
        return await _settled(at.practice.settle_cancel(before))

    return await _change(at, CANCEL, before, send, settle)


async def _change(
    at: PracticeSession,
    kind: str,
    before: StoredAppointment,
    send: Callable[[], Awaitable[Json]],
    settle: Callable[[], Awaitable[Json | None]],
) -> StoredAppointment:
    payload = {"header": at.header, "appointment": before.as_json()}
    key = f"{before.id.practice_ods}/{before.id.reference}"
    kept = await at.gp.once(kind, key=key, payload=payload, send=send, settle=settle)
    return StoredAppointment.from_json(kept)


def _check_version(stored: StoredAppointment, ref: AppointmentRef) -> None:
    if ref.version_id not in (None, stored.version):
        raise AppointmentRefused("version_conflict", stage="request")


async def _settled(asked: Awaitable[StoredAppointment | None]) -> Json | None:
    try:
        now = await asked
    except AppointmentRefused:
        # Somebody else changed it since, so what we sent is not what stands: sent again, it would be refused.
        return None
    return None if now is None else now.as_json()
