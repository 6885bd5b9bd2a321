"""What is about to be booked: the rules it must keep, checked before anything is sent, and its FHIR form."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from bridge.contracts.appointments import Offer
from bridge.contracts.requests import Organisation
from bridge.errors import AppointmentRefusal, AppointmentRefused
from bridge.fhir import systems
from bridge.fhir.build import checked
from bridge.fhir.read import JsonObject
from bridge.gpconnect.ids import ResourceId
from bridge.gpconnect.windows import Window, local
from bridge.record.appointments import HOME_VISIT
from bridge.values import dataclass

APPOINTMENT_PROFILE: Final = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1"
_ORGANISATION_PROFILE: Final = "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Organization-1"
_BOOKING_ORGANISATION: Final = (
    "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-BookingOrganisation-1"
)
ORGANISATION_TYPES: Final = "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1"
LONGEST_DESCRIPTION: Final = 100
LONGEST_COMMENT: Final = 500


@dataclass(frozen=True, slots=True)
class PracticeBooking:
    """One appointment to be booked.

    Attributes:
        patient: from `find_patient` or `register_patient` at the same practice (AP-032).
        slots: as they were offered; one, or several that follow each other.
        organisation: that books (AP-045), as whose the slots were searched.
        organisation_phone: where the practice reaches it (AP-047).
        created: when the booking was asked for. Take it from the request, not from the clock, so that it is
            the same at every try: it helps to tell our own booking from another.
        description: at most 100 characters, without clinical content (AP-050, AP-051).
        comment: at most 500 (AP-053).
    """

    patient: ResourceId
    slots: tuple[Offer, ...]
    organisation: Organisation
    organisation_phone: str
    created: datetime
    description: str
    comment: str | None = None

    @property
    def first_slot(self) -> Offer:
        """The earliest slot: it gives the place, the clinician and the kind of organisation that searched."""
        return min(self.slots, key=lambda slot: slot.start)

    @property
    def start(self) -> datetime:
        """Of the earliest slot (AP-041)."""
        return self.first_slot.start

    @property
    def end(self) -> datetime:
        """Of the latest slot."""
        return max(slot.end for slot in self.slots)

    @property
    def window(self) -> Window:
        """Where its slots are found again."""
        return Window(self.start, self.end)

    @property
    def slot_references(self) -> frozenset[str]:
        """Its slots as ``Slot/id``."""
        return frozenset(f"Slot/{slot.slot_id}" for slot in self.slots)

    def body(self) -> bytes:
        """The Appointment, valid STU3 of GPConnect-Appointment-1 (AP-036). `check_booking` comes first."""
        return checked(self._resource())

    def _resource(self) -> JsonObject:
        first = self.first_slot
        actors = [self.patient.reference, f"Location/{first.location_id}"]
        if first.practitioner_id is not None:
            actors.append(f"Practitioner/{first.practitioner_id}")
        resource: JsonObject = {
            "resourceType": "Appointment",
            "meta": {"profile": [APPOINTMENT_PROFILE]},
            "contained": [self._organisation(first.organisation_type)],
            "extension": [{"url": _BOOKING_ORGANISATION, "valueReference": {"reference": "#1"}}],
            "status": "booked",
            "description": self.description,
            "start": local(self.start),
            "end": local(self.end),
            "slot": [
                {"reference": f"Slot/{slot.slot_id}"}
                for slot in sorted(self.slots, key=lambda slot: slot.start)
            ],
            "created": local(self.created),
            "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
        }
        if self.comment is not None:
            resource["comment"] = self.comment
        return resource

    def _organisation(self, searched_as: str | None) -> JsonObject:
        organisation: JsonObject = {
            "resourceType": "Organization",
            "id": "1",
            "meta": {"profile": [_ORGANISATION_PROFILE]},
            "identifier": [{"system": systems.ODS_ORGANISATION, "value": self.organisation.ods_code}],
            "name": self.organisation.name,
            "telecom": [{"system": "phone", "value": self.organisation_phone}],
        }
        if searched_as is not None:  # AP-048: as the slots were searched for, else not at all
            organisation["type"] = [{"coding": [{"system": ORGANISATION_TYPES, "code": searched_as}]}]
        return organisation


def check_booking(booking: PracticeBooking, *, now: datetime) -> None:
    """Check a booking against the rules that need no call to the practice.

    Raises:
        AppointmentRefused: ``past``, ``not_permitted``, ``slots_differ``, ``not_adjacent`` or
            ``text_too_long``.
        ValueError: no slot, or a slot of another practice than the patient: the caller is at fault.
    """
    if not booking.slots:
        raise ValueError("a booking needs a slot")
    if {slot.practice_ods_code for slot in booking.slots} != {booking.patient.practice_ods}:
        raise ValueError("slots of another practice than the patient: ids are local")
    if (reason := _objection(booking, now)) is not None:
        raise AppointmentRefused(reason, stage="request")
    check_texts(booking.description, booking.comment)


def _objection(booking: PracticeBooking, now: datetime) -> AppointmentRefusal | None:
    slots = sorted(booking.slots, key=lambda slot: slot.start)
    if booking.start <= now:  # AP-033
        return "past"
    if any(slot.delivery_channel == HOME_VISIT for slot in slots):  # AP-057
        return "not_permitted"
    if len({_combined_by(slot) for slot in slots}) > 1:  # AP-035
        return "slots_differ"
    if any(one.end != following.start for one, following in pairwise(slots)):
        return "not_adjacent"
    return None


def _combined_by(slot: Offer) -> tuple[str | None, ...]:
    """What slots of one appointment have in common; place and person are those of their schedule."""
    return (
        slot.schedule_id,
        slot.delivery_channel,
        slot.service_type,
        slot.location_id,
        slot.practitioner_id,
        slot.organisation_type,
    )


def check_texts(description: str | None, comment: str | None) -> None:
    """Check the texts against their limits: practices refuse longer ones (AP-050, AP-053, AP-076).

    Raises:
        AppointmentRefused: ``text_too_long``.
    """
    if len(description or "") > LONGEST_DESCRIPTION or len(comment or "") > LONGEST_COMMENT:
        raise AppointmentRefused("text_too_long", stage="request")


def utc_now() -> datetime:
    """The time by which past and future are told apart."""
    return datetime.now(UTC)
