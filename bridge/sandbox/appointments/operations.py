"""The operations of Appointment Management at a practice (appointments.md §3 to §7)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from bridge.sandbox.appointments.booking import (
    appointment_resource,
    check_amended,
    check_kind,
    read_cancellation,
    read_wish,
)
from bridge.sandbox.appointments.entries import DiaryAppointment
from bridge.sandbox.appointments.slots import read_search, search_bundle
from bridge.sandbox.control.calls import Call
from bridge.sandbox.outcomes import FHIR_JSON, Refusal, resource_reply, searchset
from bridge.sandbox.practice_sites import PracticeSite
from bridge.sandbox.web import Reply, Request

Json = dict[str, Any]

_ETAG = re.compile(r'W/"([^"]+)"')
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class OperationCall:
    """One request to a practice, once headers and token are in order.

    Attributes:
        root: service root, for addresses in the answer.
        id: the logical id in the address; empty when there is none.
        body: of a POST or PUT.
    """

    request: Request
    call: Call
    surgery: PracticeSite
    root: str
    id: str
    body: Any

    @property
    def sender(self) -> str:
        """ASID of the system that asks."""
        return self.request.headers.get("ssp-from", "")

    @property
    def organisation(self) -> str | None:
        """ODS code of whoever asks, by the token."""
        claimed: Mapping[str, Any] = (self.call.claims or {}).get("requesting_organization", {})
        return next((one.get("value") for one in claimed.get("identifier", [])), None)


def search_slots(asked: OperationCall) -> Reply:
    """Free slots of up to two weeks."""
    search = read_search(asked.request.parameters)
    asked.surgery.searched.setdefault(asked.sender, set()).add(search.org_type)
    body = search_bundle(asked.surgery.diary, search)
    return Reply(200, body, {"content-type": f"{FHIR_JSON};charset=utf-8"})


def book(asked: OperationCall) -> Reply:
    """Take one slot, or several adjacent ones."""
    surgery = asked.surgery
    wish = read_wish(
        check_kind(asked.body),
        resident=surgery.patients.read,
        slot=surgery.diary.slot,
        trace_id=asked.call.trace_id,
    )
    if wish.organisation_ods != asked.organisation:
        asked.call.remarks.append("AP-045: the booking organisation is not the one that asks")
    if wish.organisation_type not in surgery.searched.get(asked.sender, {wish.organisation_type}):
        asked.call.remarks.append("AP-048: the organisation's type is not that of the search")
    appointment = surgery.diary.book(wish)
    location = f"{asked.root}/Appointment/{appointment.id}/_history/{appointment.version}"
    return _reply(asked, appointment, status=201, location=location)


def read_appointment(asked: OperationCall) -> Reply:
    """One appointment that lies ahead, cancelled or not."""
    appointment = _of_a_shown_patient(asked)
    if appointment.start < asked.surgery.diary.now():
        raise Refusal("INVALID_PARAMETER", "an appointment in the past cannot be read")
    return _reply(asked, appointment)


def patient_appointments(asked: OperationCall) -> Reply:
    """A patient's appointments from today on, in a range of days; cancelled ones too."""
    surgery = asked.surgery
    resident = surgery.patients.read(asked.id)
    if resident is None:
        raise Refusal("PATIENT_NOT_FOUND", "no active patient with this id")
    first, last = _days(asked)
    found = [
        appointment_resource(one, surgery.premises, drops_type=surgery.practice.drops_type)
        for one in surgery.diary.appointments()
        if one.patient_id == resident.id and first <= one.start.date() <= last
    ]
    return resource_reply(searchset(found))


def amend(asked: OperationCall) -> Reply:
    """Other texts for an appointment."""
    appointment, body = _to_change(asked)
    check_amended(body, _resource(asked, appointment))
    amended = asked.surgery.diary.amend(
        appointment.id,
        description=body.get("description"),
        comment=body.get("comment"),
        organisation=asked.organisation,
        trace_id=asked.call.trace_id,
    )
    return _reply(asked, amended)


def cancel(asked: OperationCall) -> Reply:
    """Cancel an appointment."""
    appointment, body = _to_change(asked)
    if appointment.status == "cancelled":
        raise Refusal("INVALID_RESOURCE", "the appointment is cancelled")
    reason = read_cancellation(body, _resource(asked, appointment))
    cancelled = asked.surgery.diary.cancel(
        appointment.id, reason, organisation=asked.organisation, trace_id=asked.call.trace_id
    )
    return _reply(asked, cancelled)


def _to_change(asked: OperationCall) -> tuple[DiaryAppointment, Json]:
    """The appointment and what is sent in its place, when that is of its current version (SP-093)."""
    appointment = _of_a_shown_patient(asked)
    matched = _ETAG.fullmatch(asked.request.headers.get("if-match", ""))
    if matched is None:
        raise Refusal("BAD_REQUEST", 'header If-Match must be W/"version"')
    if matched[1] != str(appointment.version):
        raise Refusal("FHIR_CONSTRAINT_VIOLATION", "the appointment has another version by now")
    return appointment, check_kind(asked.body)


def _of_a_shown_patient(asked: OperationCall) -> DiaryAppointment:
    appointment = asked.surgery.diary.appointment(asked.id)
    if asked.surgery.patients.read(appointment.patient_id) is None:
        raise Refusal("PATIENT_NOT_FOUND", "no active patient")
    return appointment


def _days(asked: OperationCall) -> tuple[date, date]:
    given = [value for name, value in asked.request.parameters if name == "start"]
    days = {value[:2]: value[2:] for value in given}
    if len(given) != 2 or set(days) != {"ge", "le"}:  # noqa: PLR2004 - one for each end
        raise Refusal("INVALID_PARAMETER", "start must be given twice, with ge and with le")
    if not all(_DATE.fullmatch(day) for day in days.values()):
        raise Refusal("INVALID_PARAMETER", "start must be a whole date, without a time")
    try:
        first, last = date.fromisoformat(days["ge"]), date.fromisoformat(days["le"])
    except ValueError:
        raise Refusal("INVALID_PARAMETER", "start is no day of the calendar") from None
    if first < asked.surgery.diary.now().date():
        raise Refusal("INVALID_PARAMETER", "no part of the range may be in the past")
    if last < first:
        raise Refusal("INVALID_PARAMETER", "the range must not end before it begins")
    return first, last


def _resource(asked: OperationCall, appointment: DiaryAppointment) -> Json:
    surgery = asked.surgery
    return appointment_resource(appointment, surgery.premises, drops_type=surgery.practice.drops_type)


def _reply(
    asked: OperationCall, appointment: DiaryAppointment, *, status: int = 200, location: str | None = None
) -> Reply:
    return resource_reply(_resource(asked, appointment), status=status, location=location)
