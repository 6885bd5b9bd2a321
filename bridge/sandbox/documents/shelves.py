"""Whose documents are whose: ids of this server mean nothing to the others (DO-P01)."""

from functools import cache

from bridge.sandbox.documents.shelf import FiledDocument, Shelf, binary_id
from bridge.sandbox.scenarios import BY_NUMBER, SCENARIOS

_EMPTY = Shelf()
_PATIENT = "doc-"


def shelf_of(nhs_number: str) -> Shelf:
    """The documents of a patient; an empty shelf of one without any."""
    scenario = BY_NUMBER.get(nhs_number)
    return scenario.shelf if scenario and scenario.shelf else _EMPTY


def patient_id(foundations_id: str) -> str:
    """The id of a patient at this server, which is not the one of Foundations."""
    return _PATIENT + foundations_id


def patient_behind(documents_id: str) -> str:
    """The id of Foundations behind one of this server; empty of any other id."""
    return documents_id.removeprefix(_PATIENT) if documents_id.startswith(_PATIENT) else ""


def binary_url(root: str, ods: str, nhs_number: str, name: str) -> str:
    """Where a document is fetched.

    Args:
        root: the documents root of the practice.
        ods: of the practice.
        nhs_number: of the patient.
        name: of the document on the patient's shelf.
    """
    return f"{root}/Binary/{binary_id(ods, nhs_number, name)}"


def owner_of(ods: str, wanted: str) -> str | None:
    """The NHS number of the patient whom a Binary is about."""
    found = _binaries(ods).get(wanted)
    return found[0] if found else None


def document_of(ods: str, wanted: str) -> tuple[str, FiledDocument] | None:
    """NHS number and document behind the id of a Binary."""
    return _binaries(ods).get(wanted)


@cache
def _binaries(ods: str) -> dict[str, tuple[str, FiledDocument]]:
    return {
        binary_id(ods, one.nhs_number, document.name): (one.nhs_number, document)
        for one in SCENARIOS
        if one.shelf and one.practice.ods == ods
        for document in one.shelf.documents
    }
