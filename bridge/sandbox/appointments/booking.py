"""What a consumer may send to book, amend or cancel, rule by rule (appointments.md §4 to §6)."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fhir.resources.STU3.appointment import Appointment as AppointmentModel
from pydantic import ValidationError

from bridge.sandbox.appointments.diary import VISIT
from bridge.sandbox.appointments.entries import BookingWish, DiaryAppointment
from bridge.sandbox.appointments.premises import Premises
from bridge.sandbox.appointments.rota import RotaSlot
from bridge.sandbox.appointments.slots import (
    ODS,
    ORG_TYPE,
    ORG_TYPES,
    actors,
    channel_extension,
    role_extension,
)
from bridge.sandbox.outcomes import Refusal
from bridge.sandbox.patients import Resident
from bridge.sandbox.structured.elements import PROFILE

Json = dict[str, Any]

APPOINTMENT = f"{PROFILE}GPConnect-Appointment-1"
ORGANISATION = f"{PROFILE}CareConnect-GPC-Organization-1"
BOOKED_BY = f"{PROFILE}Extension-GPConnect-BookingOrganisation-1"
CANCELLED_FOR = f"{PROFILE}Extension-GPConnect-AppointmentCancellationReason-1"
_FORBIDDEN = (
    "id",
    "reason",
    "specialty",
    "indication",
    "supportingInformation",
    "incomingReferral",
    "requestedPeriod",
)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


def _bad(rule: str) -> Refusal:
    return Refusal("INVALID_RESOURCE", rule)


def check_kind(body: Any) -> Json:
    """The body as an Appointment of the profile that is valid STU3.

    Raises:
        Refusal: it is none.
    """
    if not isinstance(body, dict) or body.get("resourceType") != "Appointment":
        raise Refusal("BAD_REQUEST", "an Appointment is expected")
    try:
        AppointmentModel.model_validate(body)
    except ValidationError as error:
        places = sorted({".".join(map(str, one["loc"])) for one in error.errors()})
        raise _bad(f"not a valid Appointment: {', '.join(places)}") from None
    if APPOINTMENT not in body.get("meta", {}).get("profile", []):
        raise _bad("meta.profile must name the profile")
    for name in ("description", "comment"):
        if not body.get(name, "-").strip():
            raise _bad(f"{name} must not be blank")
    return body


def slots_in(body: Any) -> list[str]:
    """The slots that a booking names, before anything is known to be in order."""
    slots = body.get("slot") if isinstance(body, dict) else None
    named = [one.get("reference") for one in slots or [] if isinstance(one, dict)]
    return [one.removeprefix("Slot/") for one in named if isinstance(one, str)]


def read_wish(
    body: Json,
    *,
    resident: Callable[[str], Resident | None],
    slot: Callable[[str], RotaSlot | None],
    trace_id: str | None,
) -> BookingWish:
    """What a valid Appointment asks to be booked.

    Args:
        body: as `check_kind` let it pass.
        resident: the practice's patient of a logical id.
        slot: the practice's slot of a logical id.
        trace_id: of the call.

    Raises:
        Refusal: naming the first rule that is broken.
    """
    for name in _FORBIDDEN:
        if name in body:
            raise _bad(f"{name} must not be sent")
    if "versionId" in body["meta"]:
        raise _bad("meta.versionId must not be sent")
    if body["status"] != "booked":
        raise _bad("status must be booked")
    if not body.get("description"):
        raise _bad("description is needed")
    if not _INSTANT.fullmatch(str(body.get("created", ""))):
        raise _bad("created must be a date-time with its offset")
    organisation, ods, org_type = _booking_organisation(body)
    references = [one.get("reference", "") for one in body.get("slot", [])]
    if not references or len(set(references)) != len(references):
        raise _bad("slots are needed, each once")
    first = slot(references[0].removeprefix("Slot/"))
    if first is None or not all(one.startswith("Slot/") for one in references):
        raise Refusal("REFERENCE_NOT_FOUND", "a slot is not known here")
    patient = _participants(body, first, resident)
    return BookingWish(
        patient_id=patient.id,
        nhs_number=patient.nhs_number,
        slot_ids=tuple(one.removeprefix("Slot/") for one in references),
        start=_instant(body, "start"),
        end=_instant(body, "end"),
        created=body["created"],
        description=body["description"],
        comment=body.get("comment"),
        organisation=organisation,
        organisation_ods=ods,
        organisation_type=org_type,
        trace_id=trace_id,
    )


def _instant(body: Json, name: str) -> datetime:
    text = str(body.get(name, ""))
    if not _INSTANT.fullmatch(text):
        raise _bad(f"{name} must be a date-time with its offset")
    return datetime.fromisoformat(text)


def _booking_organisation(body: Json) -> tuple[Json, str, str | None]:
    """The contained Organization, its ODS code and its type."""
    contained = body.get("contained", [])
    if len(contained) != 1 or contained[0].get("resourceType") != "Organization":
        raise _bad("exactly one contained Organization is needed")
    organisation: Json = contained[0]
    named = [one.get("valueReference", {}) for one in body.get("extension", []) if one["url"] == BOOKED_BY]
    if [one.get("reference") for one in named] != [f"#{organisation.get('id')}"]:
        raise _bad("bookingOrganisation must refer to the contained Organization")
    if any(one["url"] == CANCELLED_FOR for one in body["extension"]):
        raise _bad("a cancellation reason must not be sent")
    if ORGANISATION not in organisation.get("meta", {}).get("profile", []):
        raise _bad("the contained Organization must name its profile")
    codes = [one.get("value") for one in organisation.get("identifier", []) if one.get("system") == ODS]
    if len(codes) != 1 or not codes[0]:
        raise _bad("the contained Organization needs its ODS code")
    if not organisation.get("name") or not organisation.get("telecom"):
        raise _bad("the contained Organization needs name and telecom")
    return organisation, codes[0], _type(organisation)


def _type(organisation: Json) -> str | None:
    if "type" not in organisation:
        return None
    codings = [coding for concept in organisation["type"] for coding in concept.get("coding", [])]
    if len(codings) != 1 or codings[0].get("system") != ORG_TYPE or codings[0].get("code") not in ORG_TYPES:
        raise _bad("the type of the contained Organization must be one of GPConnect-OrganisationType-1")
    return str(codings[0]["code"])


def _participants(body: Json, slot: RotaSlot, resident: Callable[[str], Resident | None]) -> Resident:
    """The patient, when every participant is who the schedule says."""
    references: dict[str, list[str]] = {}
    for participant in body["participant"]:
        reference = participant.get("actor", {}).get("reference")
        if not reference:
            raise _bad("each participant needs an actor")
        if participant.get("status") != "accepted":
            raise _bad("each participant must have accepted")
        references.setdefault(reference.partition("/")[0], []).append(reference)
    if len(references.get("Patient", [])) != 1 or len(references.get("Location", [])) != 1:
        raise _bad("exactly one patient and one location must take part")
    if set(references) - {"Patient", "Location", "Practitioner"}:
        raise _bad("only patient, location and practitioner may take part")
    others = [*references["Location"], *references.get("Practitioner", [])]
    if set(others) - set(actors(slot.schedule)):
        raise Refusal("REFERENCE_NOT_FOUND", "location or practitioner are not those of the schedule")
    found = resident(references["Patient"][0].removeprefix("Patient/"))
    if found is None:
        raise Refusal("REFERENCE_NOT_FOUND", "the patient is not known here")
    return found


def appointment_resource(appointment: DiaryAppointment, premises: Premises, *, drops_type: bool) -> Json:
    """An appointment as it is now."""
    organisation = dict(appointment.organisation or {**premises.organisation, "id": "practice"})
    if drops_type:
        organisation.pop("type", None)
    slot, schedule = appointment.slots[0], appointment.schedule
    place = premises.visit if slot.channel == VISIT else schedule.place
    taking_part = [f"Patient/{appointment.patient_id}", f"Location/{place.id}"]
    if schedule.clinician:
        taking_part.append(f"Practitioner/{schedule.clinician.id}")
    resource: Json = {
        "resourceType": "Appointment",
        "id": appointment.id,
        "meta": {"versionId": str(appointment.version), "profile": [APPOINTMENT]},
        "contained": [organisation],
        "extension": [
            {"url": BOOKED_BY, "valueReference": {"reference": f"#{organisation['id']}"}},
            role_extension(schedule.role),
            channel_extension(slot.channel),
        ],
        "status": appointment.status,
        "serviceCategory": {"text": schedule.name},
        "serviceType": [{"text": slot.service}],
        "description": appointment.description,
        "start": appointment.start.isoformat(),
        "end": appointment.end.isoformat(),
        "slot": [{"reference": f"Slot/{slot.id}"} for slot in appointment.slots],
        "created": appointment.created,
        "participant": [{"actor": {"reference": one}, "status": "accepted"} for one in taking_part],
    }
    if appointment.comment:
        resource["comment"] = appointment.comment
    if appointment.cancellation_reason:
        resource["extension"].append({"url": CANCELLED_FOR, "valueString": appointment.cancellation_reason})
    return resource


def check_amended(body: Json, current: Json) -> None:
    """Refuse when more than the texts differs (AP-P05)."""
    if any(one["url"] == CANCELLED_FOR for one in body.get("extension", [])):
        raise _bad("a cancellation reason must not be sent")
    _check_same(body, current, {"description", "comment"})


def read_cancellation(body: Json, current: Json) -> str:
    """The reason, when nothing else differs but the status.

    Raises:
        Refusal: naming the first rule that is broken.
    """
    if body["status"] != "cancelled":
        raise _bad("status must be cancelled")
    reasons = [one.get("valueString") for one in body.get("extension", []) if one["url"] == CANCELLED_FOR]
    if len(reasons) != 1 or not reasons[0]:
        raise _bad("a cancellation reason is needed")
    kept = [one for one in body["extension"] if one["url"] != CANCELLED_FOR]
    _check_same({**body, "extension": kept}, current, {"status"})
    return str(reasons[0])


def _check_same(body: Json, current: Json, but: set[str]) -> None:
    differing = [
        name
        for name in sorted({*body, *current} - but)
        if _comparable(body.get(name)) != _comparable(current.get(name))
    ]
    if differing:
        raise _bad(f"only {' and '.join(sorted(but))} may be changed, not {', '.join(differing)}")


def _comparable(value: Any) -> Any:
    """Neither the order of extensions nor when it was saved is anybody's change."""
    if isinstance(value, list):
        return sorted(json.dumps(one, sort_keys=True) for one in value)
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if name != "lastUpdated"}
    return value
