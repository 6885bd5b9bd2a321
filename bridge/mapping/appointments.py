"""Appointments → `Appointment`. Pure; nothing raises; each is read alone.

Source: GPConnect-Appointment-1; retrieve a patient's appointments.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from bridge.fhir import systems
from bridge.fhir.index import BundleIndex, index_bundle
from bridge.fhir.read import Item, JsonObject, extension_value, is_current
from bridge.mapping.diary import (
    Findings,
    actors_of,
    clinician,
    contacts_of,
    delivery_channel,
    display_of,
    job_role,
    moment,
    place,
    term_of,
    words_alone,
)
from bridge.mapping.modifiers import modifiers_in
from bridge.mapping.values import business_ids
from bridge.record.appointments import HOME_VISIT, Appointment, Appointments, AppointmentStatus, BookedBy
from bridge.record.logical_id import is_logical_id

MALFORMED: Final = "The appointment could not be read."
_MINUTE: Final = timedelta(minutes=1)
_STATUSES: Final[dict[str | None, AppointmentStatus]] = {"booked": "booked", "cancelled": "cancelled"}


def map_appointments(
    resources: Iterable[JsonObject],
    *,
    practice_ods_code: str,
    first_day: date,
    last_day: date,
    retrieved_at: str,
    context: Iterable[JsonObject] = (),
    issues: Iterable[str] = (),
) -> Appointments:
    """Map a patient's appointments.

    Args:
        resources: as the practice sent them.
        practice_ods_code: who was asked.
        first_day: that was asked about.
        last_day: likewise.
        retrieved_at: RFC 3339; tells what can still be changed.
        context: the Practitioners and Locations they name, read one by one, since a practice does not
            include them (AP-097).
        issues: codes of what was mended to read the answer (`bridge.fhir.parsing`).
    """
    index, now = _index(context), datetime.fromisoformat(retrieved_at)
    findings = Findings()
    findings.report_answer(issues)
    appointments: list[Appointment] = []
    sent = _index(resources)
    for _ in sent.malformed:
        findings.set_aside("entry", "malformed", MALFORMED)
    for received in sent.received:
        item = Item(received.resource, received.ref)
        if received.kind == "Appointment" and is_logical_id(item.resource.get("id")):
            appointments.append(_appointment(item, index, practice_ods_code, now))
            findings.report(item)
        else:
            findings.set_aside(received.ref, "malformed", MALFORMED)
    return {
        "practice_ods_code": practice_ods_code,
        "first_day": first_day.isoformat(),
        "last_day": last_day.isoformat(),
        "retrieved_at": retrieved_at,
        "appointments": sorted(appointments, key=_order),
        "unmapped": findings.unmapped,
        "issues": findings.issues,
    }


def map_appointment(
    resource: JsonObject,
    *,
    practice_ods_code: str,
    retrieved_at: str,
    context: Iterable[JsonObject] = (),
    issues: Iterable[str] = (),
) -> Appointment:
    """Map one appointment that has an id, such as one that was just booked; see `map_appointments`."""
    item = Item(resource, f"Appointment/{resource.get('id')}")
    for code in issues:
        item.note(code)
    return _appointment(item, _index(context), practice_ods_code, datetime.fromisoformat(retrieved_at))


def _index(resources: Iterable[JsonObject]) -> BundleIndex:
    return index_bundle({"entry": [{"resource": resource} for resource in resources]})


def _order(appointment: Appointment) -> tuple[float, str]:
    """By start, whatever the offset it is written with; those without a readable one come last."""
    _, begins = moment(appointment.get("start"))
    return begins.timestamp() if begins else float("inf"), appointment["appointment_id"]


def _appointment(item: Item, context: BundleIndex, practice_ods_code: str, now: datetime) -> Appointment:
    resource = item.resource
    slots = item.many(resource.get("slot"), "slot")
    status = item.code(resource.get("status"), "status")
    appointment: Appointment = {
        "practice_ods_code": practice_ods_code,
        "appointment_id": item.code(resource.get("id"), "id") or "",
        "status": _STATUSES.get(status, "other"),
        "can_be_changed": False,
        "slot_ids": [slot.id for slot in actors_of(item, slots, "Slot")],
        "business_ids": business_ids(item),
        "issue_codes": [],
    }
    if appointment["status"] == "other":
        item.note("unknown_status", "status")
        if status is not None:
            appointment["source_status"] = status
    if (version := item.code(item.one(resource.get("meta"), "meta").get("versionId"), "meta")) is not None:
        appointment["version_id"] = version
    begins = _add_times(item, appointment)
    _add_words(item, appointment)
    _add_extensions(item, appointment)
    _add_participants(item, appointment, context)
    _add_organisation(item, appointment)
    item.notes += (modifiers := list(modifiers_in(resource)))
    appointment["can_be_changed"] = (
        appointment["status"] == "booked"
        and not modifiers
        and appointment.get("delivery_channel") != HOME_VISIT
        and begins is not None
        and begins > now
    )
    appointment["issue_codes"] = item.codes()
    return appointment


def _add_times(item: Item, appointment: Appointment) -> datetime | None:
    """Start, end and length; returns the moment of the start."""
    start, begins = moment(item.resource.get("start"))
    end, ends = moment(item.resource.get("end"))
    if begins is None:
        item.note("unparsed_date", "start")
    else:
        appointment["start"] = start
    if ends is None:
        item.note("unparsed_date", "end")
    else:
        appointment["end"] = end
    if begins is not None and ends is not None and ends > begins:
        appointment["minutes"] = (ends - begins) // _MINUTE
    return begins


def _add_words(item: Item, appointment: Appointment) -> None:
    resource = item.resource
    if (description := item.text(resource.get("description"), "description")) is not None:
        appointment["description"] = description
    if (comment := item.text(resource.get("comment"), "comment")) is not None:
        appointment["comment"] = comment
    if (created := item.code(resource.get("created"), "created")) is not None:
        appointment["created"] = created
    if (service := term_of(item, resource.get("serviceType"), "serviceType")) is not None:
        appointment["service_type"] = service
    if (session := term_of(item, resource.get("serviceCategory"), "serviceCategory")) is not None:
        appointment["session"] = session


def _add_extensions(item: Item, appointment: Appointment) -> None:
    extensions = item.extensions(item.resource)
    if (channel := delivery_channel(item, extensions)) is not None:
        appointment["delivery_channel"] = channel
    if (role := job_role(item, extensions)) is not None:
        appointment["practitioner_role"] = role
    for extension in extensions.get(systems.CANCELLATION_REASON, ()):
        if (reason := item.text(extension_value(extension), "cancellationReason")) is not None:
            appointment["cancellation_reason"] = reason


def _add_participants(item: Item, appointment: Appointment, context: BundleIndex) -> None:
    """Who takes part, and where. Whoever declined does not: the patient would wait for somebody else."""
    participants = item.many(item.resource.get("participant"), "participant")
    actors = [each.get("actor") for each in participants if each.get("status") != "declined"]
    if len(actors) < len(participants):
        item.note("participant_declined", "participant")
    for location in actors_of(item, actors, "Location")[:1]:
        appointment["location"] = place(context, location)
    for practitioner in actors_of(item, actors, "Practitioner")[:1]:
        appointment["practitioner"] = clinician(context, practitioner)
    if also := words_alone(item, actors):
        appointment["also_named"] = also


def _add_organisation(item: Item, appointment: Appointment) -> None:
    """The organisation that booked, contained in the appointment (AP-044), or named by words alone."""
    contained = item.many(item.resource.get("contained"), "contained")
    organisation = next((each for each in contained if each.get("resourceType") == "Organization"), None)
    booked_by = _booked_by(item, organisation) if organisation else BookedBy()
    if "name" not in booked_by:
        for extension in item.extensions(item.resource).get(systems.BOOKING_ORGANISATION, ()):
            if (name := display_of(item, extension_value(extension))) is not None:
                booked_by["name"] = name
    if booked_by:
        appointment["booked_by"] = booked_by


def _booked_by(item: Item, organisation: JsonObject) -> BookedBy:
    booked_by: BookedBy = {}
    for identifier in item.many(organisation.get("identifier"), "contained.identifier"):
        if is_current(identifier, systems.ODS_ORGANISATION):
            if (code := item.code(identifier.get("value"), "contained.identifier")) is not None:
                booked_by["ods_code"] = code
            break
    if (name := item.text(organisation.get("name"), "contained.name")) is not None:
        booked_by["name"] = name
    if contacts := contacts_of(item, organisation):
        booked_by["contacts"] = contacts
    return booked_by
