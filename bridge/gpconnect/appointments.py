"""Appointment Management: free slots, and the appointments of a patient.

Source: Appointment Management 1.2.7, and the rules on home visits of 1.2.9.
"""

from copy import deepcopy
from dataclasses import field
from datetime import date
from typing import Final, Literal

import orjson

from bridge.contracts.appointments import OrganisationType
from bridge.errors import AppointmentRefusal, AppointmentRefused, RequestFailed, ResponseInvalid
from bridge.fhir import systems
from bridge.fhir.read import JsonObject
from bridge.gpconnect.answer import PracticeAnswer
from bridge.gpconnect.booking import (
    APPOINTMENT_PROFILE,
    ORGANISATION_TYPES,
    PracticeBooking,
    check_booking,
    check_texts,
    utc_now,
)
from bridge.gpconnect.errors import provider_code
from bridge.gpconnect.ids import ResourceId
from bridge.gpconnect.practice_call import PracticeCall, body_sha256, resource_of, searchset_of
from bridge.gpconnect.resources import StoredAppointment, version_of
from bridge.gpconnect.windows import Window, local, today
from bridge.gpconnect.writing import doubtful, fault_of
from bridge.record.appointments import HOME_VISIT
from bridge.spine.clock import timestamp
from bridge.spine.http import Answer
from bridge.spine.interactions import (
    AMEND_APPOINTMENT,
    BOOK_APPOINTMENT,
    CANCEL_APPOINTMENT,
    PATIENT_APPOINTMENTS,
    READ_APPOINTMENT,
    SEARCH_SLOTS,
    Interaction,
)
from bridge.values import dataclass

CANCELLATION_REASON: Final = (
    "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-AppointmentCancellationReason-1"
)
_INCLUDES: Final = (
    ("_include", "Slot:schedule"),
    ("_include:recurse", "Schedule:actor:Practitioner"),
    ("_include:recurse", "Schedule:actor:Location"),
    ("_include:recurse", "Location:managingOrganization"),
)
_BOOKED: Final = frozenset({201, 200})
"""The requirements workbook of the practices' suppliers still says 200."""
_CONFLICT: Final = 409
_STALE: Final = frozenset({409, 412})

_NOT_BOOKED: Final[dict[str, AppointmentRefusal]] = {
    "DUPLICATE_REJECTED": "taken",
    "REFERENCE_NOT_FOUND": "unknown_slot",
    "INVALID_RESOURCE": "invalid",
    "INVALID_PARAMETER": "invalid",
    "FHIR_CONSTRAINT_VIOLATION": "invalid",
}
_NOT_CHANGED: Final[dict[str, AppointmentRefusal]] = {
    "NO_RECORD_FOUND": "not_found",
    "INVALID_RESOURCE": "invalid",
    "FHIR_CONSTRAINT_VIOLATION": "invalid",
}


@dataclass(frozen=True, slots=True)
class SearchAnswer(PracticeAnswer):
    """What one search found; a window of more than two weeks takes several.

    Attributes:
        window: that was asked about.
        organisation_type: with which it was searched; a booking must say the same.
    """

    window: Window = field(kw_only=True)
    organisation_type: OrganisationType | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ListedAppointments:
    """What a practice's diary holds for a patient.

    Attributes:
        found: the appointments, as sent.
        issues: issue codes of what was mended to read the answer (`bridge.fhir.parsing`).
    """

    found: list[StoredAppointment]
    issues: tuple[str, ...]


@dataclass(frozen=True)
class PracticeDiary:
    """The diary of one practice.

    Every method raises `Refused`, `ResponseInvalid` and `Unavailable` as `PracticeCall.ask` does. From those
    that change something, `Refused` means that nothing was changed, and `Unavailable` that it may have been.
    """

    _call: PracticeCall

    async def search_slots(
        self, window: Window, *, organisation_type: OrganisationType | None = None
    ) -> list[SearchAnswer]:
        """Look for free slots, one fortnight after the other so as not to load the practice (AP-019).

        Args:
            window: what of it has passed is not asked about (AP-021).
            organisation_type: of the organisation that asks. Slots kept for one type stay hidden without it.

        Raises:
            AppointmentRefused: ``past``.
        """
        ahead = window.not_before(utc_now())
        if ahead is None:
            raise AppointmentRefused("past", stage="request")
        return [await self._search(part, organisation_type) for part in ahead.fortnights()]

    async def _search(self, window: Window, organisation_type: OrganisationType | None) -> SearchAnswer:
        query = [
            ("start", f"ge{local(window.start)}"),
            ("end", f"le{local(window.end)}"),
            ("status", "free"),
            *_INCLUDES,
            ("searchFilter", f"{systems.ODS_ORGANISATION}|{self._call.requested_by.organisation.ods_code}"),
        ]
        if organisation_type is not None:
            query.append(("searchFilter", f"{ORGANISATION_TYPES}|{organisation_type}"))
        answer = await self._call.ask(SEARCH_SLOTS, target=SEARCH_SLOTS.target(query=query))
        return SearchAnswer(
            body=answer.answer.body,
            retrieved_at=timestamp(),
            trace_id=answer.trace_id,
            practice_ods=self._call.practice_ods,
            window=window,
            organisation_type=organisation_type,
        )

    async def book(self, booking: PracticeBooking) -> StoredAppointment:
        """Book. There is no key that would make this safe to repeat: see `Settling.find_booking`.

        Raises:
            AppointmentRefused: not booked, and why.
            Unavailable: it may be booked.
        """
        self._call.here(booking.patient, "Patient")
        check_booking(booking, now=utc_now())
        with doubtful():
            answer = await self._call.ask(
                BOOK_APPOINTMENT, body=booking.body(), success=_BOOKED, error=_not_booked
            )
            stored = self._stored(answer.answer)
            _check_patient(stored, booking.patient, answer.answer)
        return stored

    async def read_appointment(self, appointment: ResourceId, *, patient: ResourceId) -> StoredAppointment:
        """One appointment that has not begun (AP-090).

        Raises:
            AppointmentRefused: ``not_found``: unknown, or not this patient's.
        """
        self._call.here(patient, "Patient")
        target = READ_APPOINTMENT.target(self._call.here(appointment, "Appointment"))
        answer = (await self._call.ask(READ_APPOINTMENT, target=target, error=_not_read)).answer
        stored = self._stored(answer)
        if patient not in stored.participants("Patient"):
            raise AppointmentRefused("not_found", detail="of another patient")
        return stored

    async def patient_appointments(
        self, patient: ResourceId, first_day: date, last_day: date
    ) -> ListedAppointments:
        """The patient's appointments, cancelled ones included; those of today also when they have begun.

        Args:
            patient: from `find_patient` (AP-091).
            first_day: days before today cannot be asked for, so it is today then (AP-095, AP-096).
            last_day: included.

        Raises:
            AppointmentRefused: ``past``: the last day is over.
            ResponseInvalid: the answer is about another patient as well.
        """
        first = max(first_day, today())
        if last_day < first:
            raise AppointmentRefused("past", stage="request")
        query = [("start", f"ge{first.isoformat()}"), ("start", f"le{last_day.isoformat()}")]
        target = PATIENT_APPOINTMENTS.target(self._call.here(patient, "Patient"), query)
        answer = (await self._call.ask(PATIENT_APPOINTMENTS, target=target)).answer
        sent = searchset_of(answer, "Appointment")
        found = [
            StoredAppointment.of(self._call.practice_ods, "Appointment", resource) for resource in sent.found
        ]
        for stored in found:
            _check_patient(stored, patient, answer)
        return ListedAppointments(found, sent.issues)

    async def amend(
        self, stored: StoredAppointment, *, description: str | None = None, comment: str | None = None
    ) -> StoredAppointment:
        """Change the words of an appointment; None leaves them, an empty comment takes it away.

        Raises:
            AppointmentRefused: not changed, and why.
            Unavailable: it may be changed: see `Settling.settle_amend`.
        """
        check_texts(description, comment)
        return await self._put(AMEND_APPOINTMENT, stored, amended(stored, description, comment))

    async def cancel(self, stored: StoredAppointment, *, reason: str) -> StoredAppointment:
        """Cancel an appointment; its slots are free at once.

        Raises:
            AppointmentRefused: not cancelled by this call, and why.
            Unavailable: it may be cancelled: see `Settling.settle_cancel`.
        """
        return await self._put(CANCEL_APPOINTMENT, stored, cancelled(stored, reason))

    async def _put(
        self, interaction: Interaction, stored: StoredAppointment, resource: JsonObject
    ) -> StoredAppointment:
        target = interaction.target(self._call.here(stored.id, "Appointment"))
        check_changeable(stored)
        if stored.version is None:
            raise ResponseInvalid(stage="provider", detail="version_missing")
        with doubtful():
            answer = await self._call.ask(
                interaction,
                target=target,
                version=stored.version,
                body=orjson.dumps(resource),
                error=_not_changed,
            )
            changed = self._stored(answer.answer)
            if changed.id != stored.id:
                raise ResponseInvalid(
                    stage="provider",
                    detail="another_appointment",
                    body_sha256=body_sha256(answer.answer),
                )
        return changed

    def _stored(self, answer: Answer) -> StoredAppointment:
        sent = resource_of(answer)
        return StoredAppointment.of(
            self._call.practice_ods,
            "Appointment",
            sent.resource,
            version=version_of(answer),
            issues=sent.issues,
        )


def check_changeable(stored: StoredAppointment) -> None:
    """Check an appointment that is to be changed against the rules for changes.

    Raises:
        AppointmentRefused: ``not_permitted``, ``already_cancelled``, ``past``.
    """
    if stored.delivery_channel == HOME_VISIT:  # AP-078, AP-088
        raise AppointmentRefused("not_permitted", stage="request")
    if stored.status == "cancelled":  # AP-073
        raise AppointmentRefused("already_cancelled", stage="request")
    if stored.start is not None and stored.start <= utc_now():  # AP-072, AP-081
        raise AppointmentRefused("past", stage="request")


def amended(stored: StoredAppointment, description: str | None, comment: str | None) -> JsonObject:
    """The fetched resource with other words, and all else as it was (AP-071, AP-077)."""
    resource = _as_sent_back(stored)
    if description is not None:
        resource["description"] = description
    if comment:
        resource["comment"] = comment
    elif comment is not None:
        resource.pop("comment", None)
    return resource


def cancelled(stored: StoredAppointment, reason: str) -> JsonObject:
    """The fetched resource with its status and the reason changed, and nothing else (AP-082 to AP-084)."""
    resource = _as_sent_back(stored)
    resource["status"] = "cancelled"
    extensions = resource.get("extension")
    resource["extension"] = [
        *(extensions if isinstance(extensions, list) else []),
        {"url": CANCELLATION_REASON, "valueString": reason},
    ]
    return resource


def _as_sent_back(stored: StoredAppointment) -> JsonObject:
    resource = deepcopy(stored.resource)
    meta = resource.setdefault("meta", {})
    if isinstance(meta, dict):
        meta.setdefault("versionId", stored.version)
        meta.setdefault("profile", [APPOINTMENT_PROFILE])  # AP-075, AP-086: also where a practice left it out
    return resource


def _check_patient(stored: StoredAppointment, patient: ResourceId, answer: Answer) -> None:
    named = stored.participants("Patient")
    if named and patient not in named:
        raise ResponseInvalid(stage="provider", detail="another_patient", body_sha256=body_sha256(answer))


def _not_booked(answer: Answer) -> RequestFailed | None:
    return _refused(answer, _NOT_BOOKED, conflict=("taken", frozenset({_CONFLICT})))


def _not_changed(answer: Answer) -> RequestFailed | None:
    return _refused(answer, _NOT_CHANGED, conflict=("version_conflict", _STALE))


def _not_read(answer: Answer) -> RequestFailed | None:
    return AppointmentRefused("not_found") if provider_code(answer) == "NO_RECORD_FOUND" else None


def _refused(
    answer: Answer,
    reasons: dict[str, AppointmentRefusal],
    *,
    conflict: tuple[Literal["taken", "version_conflict"], frozenset[int]],
) -> RequestFailed | None:
    """A refusal with the reason that the answer gives; None when it is about something else."""
    if (fault := fault_of(answer)) is not None:
        return fault
    meaning, statuses = conflict
    code = provider_code(answer)
    reason = meaning if answer.status in statuses else reasons.get(code or "")
    return (
        AppointmentRefused(reason, detail=f"http={answer.status} code={code or 'none'}") if reason else None
    )
