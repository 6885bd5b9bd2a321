"""Whom a request is about: the NHS number behind a logical id, a query or a body."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from bridge.sandbox.documents.shelves import owner_of, patient_behind
from bridge.sandbox.practice_sites import PracticeSite
from bridge.sandbox.spine.interactions import SpineOperation
from bridge.sandbox.web import Request

_IN_BODY = re.compile(rb'"(\d{10})"')
_ACTOR = re.compile(r"Patient/(.+)")


def patient_of(
    operation: SpineOperation | None, request: Request, path: str, surgery: PracticeSite
) -> str | None:
    """The patient's NHS number; None when the request is about nobody, or about somebody unknown here."""
    if operation is None:
        return None
    tell = _TELL.get(operation.name)
    return tell(request, operation.id_in(path), surgery) if tell else None


def _in_body(request: Request, _: str, __: PracticeSite) -> str | None:
    number = _IN_BODY.search(request.body)
    return number.group(1).decode() if number else None


def _in_query(request: Request, _: str, __: PracticeSite) -> str | None:
    values = [value for name, value in request.parameters if name == "identifier"]
    return values[0].rpartition("|")[2] if values else None


def _by_id(_: Request, patient_id: str, surgery: PracticeSite) -> str | None:
    return surgery.patients.number_of(patient_id)


def _by_documents_id(_: Request, patient_id: str, surgery: PracticeSite) -> str | None:
    return surgery.patients.number_of(patient_behind(patient_id))


def _of_binary(_: Request, binary_id: str, surgery: PracticeSite) -> str | None:
    return owner_of(surgery.practice.ods, binary_id)


def _of_appointment(_: Request, appointment_id: str, surgery: PracticeSite) -> str | None:
    return surgery.diary.number_of(appointment_id)


def _taking_part(request: Request, _: str, surgery: PracticeSite) -> str | None:
    try:
        body: Any = json.loads(request.body)
        actors = [one["actor"]["reference"] for one in body["participant"]]
    except (ValueError, KeyError, TypeError):
        return None
    found = [
        matched[1] for actor in actors if isinstance(actor, str) and (matched := _ACTOR.fullmatch(actor))
    ]
    return surgery.patients.number_of(found[0]) if found else None


_TELL: Mapping[str, Callable[[Request, str, PracticeSite], str | None]] = {
    "structured_record": _in_body,
    "care_record": _in_body,
    "find_patient": _in_query,
    "register_patient": _in_body,
    "read_patient": _by_id,
    "patient_appointments": _by_id,
    "read_appointment": _of_appointment,
    "amend": _of_appointment,
    "cancel": _of_appointment,
    "book": _taking_part,
    "documents_patient": _in_query,
    "documents_search": _by_documents_id,
    "document": _of_binary,
}
