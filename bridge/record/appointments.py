"""Free slots and appointments, with everything that must be shown of them (AP-012 to AP-018, AP-097).

Times are texts as the practice sent them, RFC 3339 with the offset of the United Kingdom at that moment. Ids
are logical ids of the practice that is named beside them and mean nothing at any other.
"""

from typing import Final, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, BusinessId, Issue, NonEmptyText
from bridge.record.retrieval import Unmapped

OrganisationType = Literal["gp-practice", "urgent-care"]
AppointmentStatus = Literal["booked", "cancelled", "other"]
HOME_VISIT: Final = "Visit"
"""Delivery channel of appointments that are the practice's own affair (AP-057, AP-078, AP-088)."""


@with_config(STRICT)
class Address(TypedDict):
    """A postal address."""

    lines: list[str]
    use: NotRequired[NonEmptyText]
    """`home`, `temp`… of a patient's."""
    city: NotRequired[NonEmptyText]
    district: NotRequired[NonEmptyText]
    postcode: NotRequired[NonEmptyText]
    country: NotRequired[NonEmptyText]


@with_config(STRICT)
class ContactPoint(TypedDict):
    """A telephone number, or another way to reach somebody."""

    value: NonEmptyText
    system: NotRequired[NonEmptyText]
    use: NotRequired[NonEmptyText]


@with_config(STRICT)
class Place(TypedDict):
    """Where an appointment takes place: a surgery, a branch or a room (AP-016)."""

    location_id: NonEmptyText
    name: NotRequired[NonEmptyText]
    """The words of the reference where the practice sends no more."""
    address: NotRequired[Address]
    contacts: NotRequired[list[ContactPoint]]


@with_config(STRICT)
class Clinician(TypedDict):
    """Whom an appointment is with (AP-018)."""

    practitioner_id: NonEmptyText
    name: NotRequired[NonEmptyText]
    """In the order in which it is spoken; as sent where the practice has it as one text or in words alone."""
    gender: NotRequired[NonEmptyText]
    sds_user_id: NotRequired[NonEmptyText]


@with_config(STRICT)
class JobRole(TypedDict):
    """What whoever gives the appointment does there (AP-017)."""

    term: NonEmptyText
    code: NotRequired[NonEmptyText]
    """Of code system CareConnect-SDSJobRoleName-1."""


@with_config(STRICT)
class BookedBy(TypedDict):
    """The organisation that booked an appointment."""

    ods_code: NotRequired[NonEmptyText]
    name: NotRequired[NonEmptyText]
    contacts: NotRequired[list[ContactPoint]]


@with_config(STRICT)
class Offer(TypedDict):
    """What a booking gives back, unchanged."""

    practice_ods_code: NonEmptyText
    slot_id: NonEmptyText
    schedule_id: NonEmptyText
    location_id: NonEmptyText
    start: NonEmptyText
    end: NonEmptyText
    practitioner_id: NotRequired[NonEmptyText]
    delivery_channel: NotRequired[NonEmptyText]
    """`In-person`, `Telephone` or `Video` (AP-014)."""
    service_type: NotRequired[NonEmptyText]
    """The practice's own type of slot (AP-015)."""
    organisation_type: NotRequired[OrganisationType]
    """With which the slot was searched for."""
    expires_at: NotRequired[NonEmptyText]
    """RFC 3339, UTC: from then on the offer is refused as `offer_expired`."""
    signature: NotRequired[NonEmptyText]
    """Over all of the offer and the patient it was found for: altered, or for another, it is refused."""


@with_config(STRICT)
class SlotSession(TypedDict):
    """Where and with whom: the same for all slots of one schedule."""

    location: Place
    session: NotRequired[NonEmptyText]
    """Name of the schedule (AP-015)."""
    practitioner: NotRequired[Clinician]
    practitioner_role: NotRequired[JobRole]
    also_named: NotRequired[list[str]]
    """Words by which the practice names others, or places, without saying who or what they are."""


@with_config(STRICT)
class Slot(SlotSession):
    """One free slot: when, how, what for, where and with whom."""

    offer: Offer
    minutes: int


@with_config(STRICT)
class FreeSlots(TypedDict):
    """What a practice offers in a window of time: a snapshot, out of date at once."""

    practice_ods_code: NonEmptyText
    window_start: NonEmptyText
    window_end: NonEmptyText
    retrieved_at: NonEmptyText
    """Of the oldest answer that is part of it."""
    slots: list[Slot]
    """By start, then by id."""
    not_offered: int
    """Slots received that are not to be booked: begun by now, outside of the window, not free, overbooked, of
    a schedule that is not in use, or a home visit (AP-021, AP-057)."""
    unmapped: list[Unmapped]
    issues: list[Issue]
    practice_name: NotRequired[NonEmptyText]


@with_config(STRICT)
class Appointment(TypedDict):
    """An appointment as the practice has it."""

    practice_ods_code: NonEmptyText
    appointment_id: NonEmptyText
    status: AppointmentStatus
    can_be_changed: bool
    """Booked, still to come and no home visit: what GP Connect lets anybody amend or cancel."""
    slot_ids: list[str]
    business_ids: list[BusinessId]
    issue_codes: list[str]
    version_id: NotRequired[NonEmptyText]
    start: NotRequired[NonEmptyText]
    """Absent only where the practice's cannot be read."""
    end: NotRequired[NonEmptyText]
    minutes: NotRequired[int]
    source_status: NotRequired[NonEmptyText]
    """The status as sent, when it is neither `booked` nor `cancelled`."""
    delivery_channel: NotRequired[NonEmptyText]
    """`In-person`, `Telephone`, `Video`; `Visit` is a visit to the patient's home."""
    service_type: NotRequired[NonEmptyText]
    session: NotRequired[NonEmptyText]
    description: NotRequired[NonEmptyText]
    """As the practice keeps it: it may hold the comment as well."""
    comment: NotRequired[NonEmptyText]
    created: NotRequired[NonEmptyText]
    cancellation_reason: NotRequired[NonEmptyText]
    booked_by: NotRequired[BookedBy]
    location: NotRequired[Place]
    practitioner: NotRequired[Clinician]
    """Of those who have not declined the first; so with the location."""
    practitioner_role: NotRequired[JobRole]
    also_named: NotRequired[list[str]]
    """Words by which the practice names others, or places, without saying who or what they are."""


@with_config(STRICT)
class Appointments(TypedDict):
    """A patient's appointments at one practice from today on: earlier ones cannot be had (AP-096)."""

    practice_ods_code: NonEmptyText
    first_day: NonEmptyText
    """The first day that was asked about: today at the earliest."""
    last_day: NonEmptyText
    retrieved_at: NonEmptyText
    appointments: list[Appointment]
    """By start; cancelled ones as well, and those of today that have begun."""
    unmapped: list[Unmapped]
    issues: list[Issue]
