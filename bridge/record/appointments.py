"""Free slots and appointments, with everything that must be shown of them (AP-012 to AP-018, AP-097).

Times are texts as the practice sent them, RFC 3339 with the offset of the United Kingdom at that moment. Ids
are logical ids of the practice that is named beside them and mean nothing at any other.
"""

from typing import Final, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, BusinessId, Issue, Text
from bridge.record.retrieval import Unmapped

OrganisationType = Literal["gp-practice", "urgent-care"]
AppointmentStatus = Literal["booked", "cancelled", "other"]
HOME_VISIT: Final = "Visit"
"""Delivery channel of appointments that are the practice's own affair (AP-057, AP-078, AP-088)."""


@with_config(STRICT)
class Address(TypedDict):
    """A postal address."""

    lines: list[str]
    use: NotRequired[Text]
    """`home`, `temp`… of a patient's."""
    city: NotRequired[Text]
    district: NotRequired[Text]
    postcode: NotRequired[Text]
    country: NotRequired[Text]


@with_config(STRICT)
class ContactPoint(TypedDict):
    """A telephone number, or another way to reach somebody."""

    value: Text
    system: NotRequired[Text]
    use: NotRequired[Text]


@with_config(STRICT)
class Place(TypedDict):
    """Where an appointment takes place: a surgery, a branch or a room (AP-016)."""

    location_id: Text
    name: NotRequired[Text]
    """The words of the reference where the practice sends no more."""
    address: NotRequired[Address]
    contacts: NotRequired[list[ContactPoint]]


@with_config(STRICT)
class Clinician(TypedDict):
    """Whom an appointment is with (AP-018)."""

    practitioner_id: Text
    name: NotRequired[Text]
    """In the order in which it is spoken; as sent where the practice has it as one text or in words alone."""
    gender: NotRequired[Text]
    sds_user_id: NotRequired[Text]


@with_config(STRICT)
class JobRole(TypedDict):
    """What whoever gives the appointment does there (AP-017)."""

    term: Text
    code: NotRequired[Text]
    """Of code system CareConnect-SDSJobRoleName-1."""


@with_config(STRICT)
class BookedBy(TypedDict):
    """The organisation that booked an appointment."""

    ods_code: NotRequired[Text]
    name: NotRequired[Text]
    contacts: NotRequired[list[ContactPoint]]


@with_config(STRICT)
class Offer(TypedDict):
    """What a booking gives back, unchanged."""

    practice_ods_code: Text
    slot_id: Text
    schedule_id: Text
    location_id: Text
    start: Text
    end: Text
    practitioner_id: NotRequired[Text]
    delivery_channel: NotRequired[Text]
    """`In-person`, `Telephone` or `Video` (AP-014)."""
    service_type: NotRequired[Text]
    """The practice's own type of slot (AP-015)."""
    organisation_type: NotRequired[OrganisationType]
    """With which the slot was searched for."""
    expires_at: NotRequired[Text]
    """RFC 3339, UTC: from then on the offer is refused as `offer_expired`."""
    signature: NotRequired[Text]
    """Over all of the offer and the patient it was found for: altered, or for another, it is refused."""


@with_config(STRICT)
class SlotSession(TypedDict):
    """Where and with whom: the same for all slots of one schedule."""

    location: Place
    session: NotRequired[Text]
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

    practice_ods_code: Text
    window_start: Text
    window_end: Text
    retrieved_at: Text
    """Of the oldest answer that is part of it."""
    slots: list[Slot]
    """By start, then by id."""
    not_offered: int
    """Slots received that are not to be booked: begun by now, outside of the window, not free, overbooked, of
    a schedule that is not in use, or a home visit (AP-021, AP-057)."""
    unmapped: list[Unmapped]
    issues: list[Issue]
    practice_name: NotRequired[Text]


@with_config(STRICT)
class Appointment(TypedDict):
    """An appointment as the practice has it."""

    practice_ods_code: Text
    appointment_id: Text
    status: AppointmentStatus
    can_be_changed: bool
    """Booked, still to come and no home visit: what GP Connect lets anybody amend or cancel."""
    slot_ids: list[str]
    business_ids: list[BusinessId]
    issue_codes: list[str]
    version_id: NotRequired[Text]
    start: NotRequired[Text]
    """Absent only where the practice's cannot be read."""
    end: NotRequired[Text]
    minutes: NotRequired[int]
    source_status: NotRequired[Text]
    """The status as sent, when it is neither `booked` nor `cancelled`."""
    delivery_channel: NotRequired[Text]
    """`In-person`, `Telephone`, `Video`; `Visit` is a visit to the patient's home."""
    service_type: NotRequired[Text]
    session: NotRequired[Text]
    description: NotRequired[Text]
    """As the practice keeps it: it may hold the comment as well."""
    comment: NotRequired[Text]
    created: NotRequired[Text]
    cancellation_reason: NotRequired[Text]
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

    practice_ods_code: Text
    first_day: Text
    """The first day that was asked about: today at the earliest."""
    last_day: Text
    retrieved_at: Text
    appointments: list[Appointment]
    """By start; cancelled ones as well, and those of today that have begun."""
    unmapped: list[Unmapped]
    issues: list[Issue]
