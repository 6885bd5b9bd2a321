"""The operations of Access Document at a practice (documents.md §2 to §4, DO-P02, DO-P03)."""

import re
from collections.abc import Sequence
from datetime import datetime

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM, is_valid_nhs_number
from bridge.sandbox.appointments.operations import OperationCall
from bridge.sandbox.appointments.slots import ODS
from bridge.sandbox.documents import resources
from bridge.sandbox.documents.shelf import FiledDocument
from bridge.sandbox.documents.shelves import document_of, patient_behind, shelf_of
from bridge.sandbox.outcomes import FHIR_JSON, Refusal, resource_reply, searchset
from bridge.sandbox.web import Reply

_INCLUDES = {
    ("_include", "DocumentReference:subject:Patient"),
    ("_include", "DocumentReference:custodian:Organization"),
    ("_include", "DocumentReference:author:Organization"),
    ("_include", "DocumentReference:author:Practitioner"),
    ("_revinclude:recurse", "PractitionerRole:practitioner"),
}
_CREATED = re.compile(r"(?P<prefix>ge|le)(?P<moment>\d{4}-\d{2}-\d{2}(T.+)?)")


def find_patient(asked: OperationCall) -> Reply:
    """A patient with GMS by NHS number; nobody is an empty bundle."""
    given = [value for name, value in asked.request.parameters if name == "identifier"]
    system, separator, number = given[0].partition("|") if len(given) == 1 else ("", "", "")
    if not separator or system != NHS_NUMBER_SYSTEM:
        # Not INVALID_IDENTIFIER_SYSTEM, as Foundations has it (documents.md §2).
        raise Refusal("INVALID_PARAMETER", "identifier must be one NHS number with its system")
    if not is_valid_nhs_number(number):
        raise Refusal("INVALID_NHS_NUMBER", "the NHS number fails its check")
    resident = asked.surgery.patients.find(number)
    shelf = shelf_of(number)
    if resident and shelf.died_days_ago is not None and not shelf.is_served:
        raise Refusal("PATIENT_NOT_FOUND", "deceased for longer than records are given out")
    if resident is None or resident.kind != "R" or not shelf.is_served:
        return resource_reply(searchset([]))
    now = asked.surgery.diary.now()
    return resource_reply(searchset([resources.patient(resident, asked.surgery, shelf, now)]))


def search(asked: OperationCall) -> Reply:
    """The documents of a patient, with everybody they name."""
    resident = asked.surgery.patients.read(patient_behind(asked.id))
    if resident is None or resident.kind != "R" or not shelf_of(resident.nhs_number).is_served:
        raise Refusal("PATIENT_NOT_FOUND", "no documents of a patient with this id")
    shelf = shelf_of(resident.nhs_number)
    if shelf.dissents:
        raise Refusal("NO_PATIENT_CONSENT", "the patient does not share")
    parameters = asked.request.parameters
    missing = _INCLUDES - set(parameters)
    if missing:
        raise Refusal("INVALID_PARAMETER", "a mandatory include is missing: " + min(missing)[1])
    found = _found(asked, shelf.documents)
    now = asked.surgery.diary.now()
    whose = resources.patient(resident, asked.surgery, shelf, now)
    return resource_reply(resources.bundle(found, whose, resident, asked.surgery, asked.root))


def retrieve(asked: OperationCall) -> Reply:
    """One document, whole."""
    known = document_of(asked.surgery.practice.ods, asked.id)
    if known is None:
        raise Refusal("NO_RECORD_FOUND", "no document with this id")
    nhs_number, document = known
    shelf = shelf_of(nhs_number)
    if not shelf.is_served:
        raise Refusal("PATIENT_NOT_FOUND", "no documents of this patient")
    if shelf.dissents:
        raise Refusal("NO_PATIENT_CONSENT", "the patient does not share")
    body = resources.binary(document, asked.id)
    if body is None:
        raise Refusal("NO_RECORD_FOUND", "the document is not available, or larger than 5 MB")
    return Reply(200, body, {"content-type": f"{FHIR_JSON};charset=utf-8"})


def _found(asked: OperationCall, documents: Sequence[FiledDocument]) -> list[FiledDocument]:
    parameters = asked.request.parameters
    bounds = _bounds([value for name, value in parameters if name == "created"])
    authors = [_ods(value) for name, value in parameters if name == "author"]
    words = [value.casefold() for name, value in parameters if name == "description"]
    return [
        one
        for one in documents
        if _is_within(one, bounds)
        and all(code == resources.author_ods(one, asked.surgery) for code in authors)
        and all(word in f"{one.description or ''} {one.type_text}".casefold() for word in words)
    ]


def _bounds(given: Sequence[str]) -> dict[str, str]:
    bounds: dict[str, str] = {}
    for value in given:
        matched = _CREATED.fullmatch(value)
        if matched is None or matched["prefix"] in bounds:
            raise Refusal("INVALID_PARAMETER", "created takes one ge and one le at most")
        try:
            datetime.fromisoformat(matched["moment"])
        except ValueError:
            raise Refusal("INVALID_PARAMETER", "created is no moment of the calendar") from None
        bounds[matched["prefix"]] = matched["moment"]
    return bounds


def _is_within(document: FiledDocument, bounds: dict[str, str]) -> bool:
    """By the day, which is as much as a bound without a time says."""
    day = (document.created or document.indexed)[:10]
    return bounds.get("ge", day)[:10] <= day <= bounds.get("le", day)[:10]


def _ods(value: str) -> str:
    system, separator, code = value.partition("|")
    if not separator or system != ODS:
        raise Refusal("INVALID_PARAMETER", "author takes the ODS code of an organisation only")
    return code
