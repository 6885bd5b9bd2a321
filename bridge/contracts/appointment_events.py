"""What is published about appointments: the data of each event, and how it is made.

A request ends in one event. ``appointment.in_doubt`` alone is followed by another, once it is known what the
practice did.
"""

from collections.abc import Sequence
from typing import Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from bridge.contracts.events import Event
from bridge.contracts.patient_events import AtPractice, about, in_words
from bridge.errors import AppointmentRefusal, FailureCode, RegistrationRefusal
from bridge.record.appointments import Appointment, Appointments, FreeSlots
from bridge.record.common import STRICT

SLOTS_FOUND = "slots.found.v1"
APPOINTMENT_BOOKED = "appointment.booked.v1"
APPOINTMENT_REFUSED = "appointment.refused.v1"
APPOINTMENT_IN_DOUBT = "appointment.in_doubt.v1"
APPOINTMENT_AMENDED = "appointment.amended.v1"
APPOINTMENT_CANCELLED = "appointment.cancelled.v1"
APPOINTMENT_RESCHEDULED = "appointment.rescheduled.v1"
APPOINTMENTS_FOUND = "appointments.found.v1"

Wish = Literal["book", "amend", "cancel", "reschedule"]
Step = Literal["register", "book", "amend", "cancel"]
Standing = Literal["nothing_booked", "new_in_doubt", "both_booked", "old_in_doubt", "old_cancelled"]
"""Where a rescheduling stands. ``both_booked``: the patient has two appointments until somebody continues it
or cancels one. ``old_in_doubt``: the new one is booked, and the old one is cancelled or not."""
RefusalReason = (
    AppointmentRefusal | RegistrationRefusal | Literal["patient_unknown", "incomplete", "not_done"]
)
"""``patient_unknown``: no active patient of the practice, and no registration was asked for. ``not_done``:
the answer was lost, the practice shows that nothing was done, and it is not tried again."""


@with_config(STRICT)
class SlotsFound(AtPractice):
    """``slots.found.v1``: a snapshot of what is free. An `offer` is given back unchanged to book it."""

    found: FreeSlots


@with_config(STRICT)
class AppointmentsFound(AtPractice):
    """``appointments.found.v1``: from today on, as practices tell of no earlier ones: show that (AP-096)."""

    found: Appointments


@with_config(STRICT)
class AppointmentBooked(AtPractice):
    """``appointment.booked.v1``: booked, once. Show what `appointment` says of time, place and person."""

    appointment: Appointment
    choice: int
    """Which of the choices it is; the first is 1."""
    was_registered: bool
    """A temporary registration was made for it."""


@with_config(STRICT)
class RefusedChoice(TypedDict):
    """Why one of the choices could not be had."""

    choice: int
    reason: RefusalReason


@with_config(ConfigDict(**STRICT, title="AppointmentRefused"))
class AppointmentRefusedData(AtPractice):
    """``appointment.refused.v1``: not done, and why. Nothing was changed, unless `standing` says so."""

    wish: Wish
    reason: RefusalReason
    """Of several choices, why the last one tried could not be had."""
    choices: list[RefusedChoice]
    """Those that were tried, in order."""
    standing: NotRequired[Standing]
    """Of a rescheduling."""
    booked: NotRequired[Appointment]
    """The new appointment of a rescheduling that stopped half-way: name it as `booked` to continue."""
    message: str
    advice: str


@with_config(STRICT)
class AppointmentInDoubt(AtPractice):
    """``appointment.in_doubt.v1``: sent, and nobody knows yet whether it was done; another event follows.

    Do not ask for the same under a new id meanwhile. When none follows in three days, ask the practice.
    """

    wish: Wish
    step: Step
    """What was sent last."""
    is_done: bool
    """True: that step is done, and only what comes after it is open."""
    about: str
    """What it was sent about: practice and ids, e.g. ``A99001/Slot/12,Slot/13``."""
    sent_at: str
    """RFC 3339, UTC."""
    code: FailureCode
    """What keeps the engine from knowing."""
    standing: NotRequired[Standing]
    message: str
    advice: str


@with_config(STRICT)
class AppointmentAmended(AtPractice):
    """``appointment.amended.v1``: the words are changed; practices may have joined the two texts."""

    appointment: Appointment


@with_config(STRICT)
class AppointmentCancelled(AtPractice):
    """``appointment.cancelled.v1``: cancelled, whoever did it; its slots are free."""

    appointment: Appointment


@with_config(STRICT)
class AppointmentRescheduled(AtPractice):
    """``appointment.rescheduled.v1``: the new one is booked and the old one cancelled."""

    booked: Appointment
    cancelled: Appointment
    choice: NotRequired[int]
    """Which of the choices it is; absent when a rescheduling was continued."""


def slots_found(header: AtPractice, found: FreeSlots) -> Event:
    """See `SlotsFound`."""
    return about(header, SLOTS_FOUND, found=found)


def appointments_found(header: AtPractice, found: Appointments) -> Event:
    """See `AppointmentsFound`."""
    return about(header, APPOINTMENTS_FOUND, found=found)


def appointment_booked(
    header: AtPractice, appointment: Appointment, *, choice: int, was_registered: bool
) -> Event:
    """See `AppointmentBooked`."""
    return about(
        header, APPOINTMENT_BOOKED, appointment=appointment, choice=choice, was_registered=was_registered
    )


def appointment_amended(header: AtPractice, appointment: Appointment) -> Event:
    """See `AppointmentAmended`."""
    return about(header, APPOINTMENT_AMENDED, appointment=appointment)


def appointment_cancelled(header: AtPractice, appointment: Appointment) -> Event:
    """See `AppointmentCancelled`."""
    return about(header, APPOINTMENT_CANCELLED, appointment=appointment)


def appointment_rescheduled(
    header: AtPractice, booked: Appointment, cancelled: Appointment, *, choice: int | None
) -> Event:
    """See `AppointmentRescheduled`."""
    numbered = {} if choice is None else {"choice": choice}
    return about(header, APPOINTMENT_RESCHEDULED, booked=booked, cancelled=cancelled, **numbered)


def appointment_refused(
    header: AtPractice,
    wish: Wish,
    reason: str,
    *,
    choices: Sequence[RefusedChoice] = (),
    standing: Standing | None = None,
    booked: Appointment | None = None,
) -> Event:
    """See `AppointmentRefusedData`."""
    more = {"standing": standing, "booked": booked}
    return about(
        header,
        APPOINTMENT_REFUSED,
        wish=wish,
        reason=reason,
        choices=list(choices),
        **{name: value for name, value in more.items() if value is not None},
        **in_words(FailureCode.APPOINTMENT_REFUSED),
    )


def appointment_in_doubt(
    header: AtPractice,
    wish: Wish,
    step: Step,
    *,
    is_done: bool,
    about_what: str,
    sent_at: str,
    code: FailureCode,
    standing: Standing | None = None,
) -> Event:
    """See `AppointmentInDoubt`."""
    return about(
        header,
        APPOINTMENT_IN_DOUBT,
        wish=wish,
        step=step,
        is_done=is_done,
        about=about_what,
        sent_at=sent_at,
        code=code,
        **({} if standing is None else {"standing": standing}),
        **in_words(FailureCode.OUTCOME_UNKNOWN),
    )
