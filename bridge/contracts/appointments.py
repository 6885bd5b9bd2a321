"""Requests about appointments: look for slots, book, amend, cancel, reschedule, list.

What was found goes back as it came: an `Offer` of ``slots.found`` is all that is needed to book, and the
`AppointmentRef` of a booked or found appointment all that is needed to change it. Both name the practice
they belong to, because logical ids mean nothing anywhere else.
"""

from datetime import date, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from bridge.contracts.patients import Phone, RegistrationDetails
from bridge.contracts.requests import GpConnectRequest, Model, OdsCode, Text

LONGEST_WINDOW: Final = timedelta(days=56)
"""Four searches of a fortnight, one after the other: more is a load on the practice (AP-019)."""
LONGEST_LISTING: Final = timedelta(days=366)


def _plain(value: str) -> str:
    if value != value.strip() or not value.replace("\n", "").isprintable():
        raise ValueError("must be printable text without leading or trailing blanks")
    return value


LogicalId = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-._]{1,64}$")]
"""A FHIR id; some systems use underscores. It goes into the path of a call, so nothing else may pass."""
Description = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_plain)]
"""Brief and free of clinical content: others than the practice may read it (AP-050, AP-051)."""
Comment = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_plain)]
"""As `Description`, longer (AP-053, AP-054)."""
CancellationReason = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_plain)]
OrganisationType = Literal["gp-practice", "urgent-care"]
"""Of code system GPConnect-OrganisationType-1, which has none for a hospital."""


class Offer(Model):
    """A slot as ``slots.found`` offered it, to be given back unchanged in order to book it."""

    practice_ods_code: OdsCode
    slot_id: LogicalId
    schedule_id: LogicalId
    location_id: LogicalId
    practitioner_id: LogicalId | None = None
    start: AwareDatetime
    end: AwareDatetime
    delivery_channel: Text | None = None
    service_type: Text | None = None
    organisation_type: OrganisationType | None = None
    """With which the slot was searched for; booking repeats it or the practice refuses (AP-048)."""
    expires_at: AwareDatetime | None = None
    """Until when the offer may be booked."""
    signature: Text | None = None
    """Of this installation, for the patient whom the slot was found for. Without it the offer is refused."""


class AppointmentRef(Model):
    """An appointment as ``appointment.booked`` and ``appointments.found`` name it."""

    practice_ods_code: OdsCode
    appointment_id: LogicalId
    start: AwareDatetime
    """Tells the day to look at: appointments are found by patient and day, never by id alone (AP-070)."""
    version_id: LogicalId | None = None
    """Given: nothing is changed when the appointment has changed since."""


def _of_one_practice(choices: tuple[tuple[Offer, ...], ...]) -> tuple[tuple[Offer, ...], ...]:
    offers = [offer for choice in choices for offer in choice]
    if len({(offer.practice_ods_code, offer.organisation_type) for offer in offers}) > 1:
        raise ValueError("must be offers of one practice, found by one kind of search")
    return choices


Choice = Annotated[tuple[Offer, ...], Field(min_length=1, max_length=8)]
"""One slot, or several adjacent ones that make one appointment."""
Choices = Annotated[tuple[Choice, ...], Field(max_length=10), AfterValidator(_of_one_practice)]
"""In order of preference. The next is tried only when the practice has said no to the one before."""
_SomeChoices = Annotated[
    tuple[Choice, ...], Field(min_length=1, max_length=10), AfterValidator(_of_one_practice)
]


class SlotsRequest(GpConnectRequest):
    """``slots.requested.v1``: the free slots of one practice in a window of time."""

    start: date | AwareDatetime
    """A day, or a moment with its offset. What has passed is not offered (AP-021)."""
    end: date | AwareDatetime
    """A day, whole, or a moment; at most eight weeks after the start. Fortnights are asked for in turn."""
    practice_ods_code: OdsCode | None = None
    """Any practice of the site's federation, one per request (AP-100, AP-105); absent: by PDS."""
    organisation_type: OrganisationType | None = None
    """Of the organisation that asks. Without it, slots kept for one type of organisation stay hidden."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        first, last = _day(self.start), _day(self.end)
        if last < first:
            raise ValueError("end must not be before start")
        if last - first > LONGEST_WINDOW:
            raise ValueError(f"must span {LONGEST_WINDOW.days} days at most")
        return self


class Booking(GpConnectRequest):
    """What a booking and a rescheduling say alike."""

    organisation_phone: Phone
    """Where the practice reaches the organisation that books (AP-047)."""


class AppointmentRequest(Booking):
    """``appointment.requested.v1``: book the first of these choices that can be had."""

    choices: _SomeChoices
    description: Description
    comment: Comment | None = None
    register_if_unknown: RegistrationDetails | None = None
    """Given: a patient whom the practice does not know is registered there as temporary first."""

    @property
    def practice_ods_code(self) -> str:
        """The practice that made the offers, whichever the patient's own is."""
        return self.choices[0][0].practice_ods_code


class AppointmentAmendRequest(GpConnectRequest):
    """``appointment.amend.requested.v1``: change its words; nothing else can be changed (AP-071)."""

    appointment: AppointmentRef
    description: Description | None = None
    comment: Comment | None = None
    """Absent stays as it is; so does the description."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.description is None and self.comment is None:
            raise ValueError("must give a description or a comment")
        return self


class AppointmentCancelRequest(GpConnectRequest):
    """``appointment.cancel.requested.v1``: cancel an appointment, which frees its slots at once."""

    appointment: AppointmentRef
    reason: CancellationReason
    """For the practice (AP-083)."""


class AppointmentRescheduleRequest(Booking):
    """``appointment.reschedule.requested.v1``: book another time, then cancel the one there is.

    GP Connect has no such call (one books and cancels), so it can stop half-way. `booked` continues then:
    it names the new appointment, and only what is left is done.
    """

    appointment: AppointmentRef
    """To be given up, after the other is booked."""
    choices: Choices = ()
    booked: AppointmentRef | None = None
    description: Description | None = None
    """Absent: as that of the old one."""
    comment: Comment | None = None
    reason: CancellationReason
    """Of cancelling the old one."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.choices) == (self.booked is not None):
            raise ValueError("must give either choices, or the appointment that is booked already")
        return self


class AppointmentsRequest(GpConnectRequest):
    """``appointments.requested.v1``: the patient's appointments at one practice, cancelled ones included."""

    start: date
    """What is before today cannot be had: the search then begins today (AP-095, AP-096)."""
    end: date
    practice_ods_code: OdsCode | None = None
    """Absent: the practice where the patient is registered, by PDS."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.start <= self.end <= self.start + LONGEST_LISTING:
            raise ValueError(f"end must be 0 to {LONGEST_LISTING.days} days after start")
        return self


def _day(moment: date) -> date:
    """Also of a date-time, which is a date."""
    return date(moment.year, moment.month, moment.day)
