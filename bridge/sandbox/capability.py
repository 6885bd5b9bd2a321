"""The capability statement of a practice, for each of its roots (foundations.md §2, FN-P07)."""

from collections.abc import Iterator
from typing import Any

from bridge.sandbox.spine.interactions import BY_INTERACTION
from bridge.sandbox.world import Practice

Json = dict[str, Any]

_DEFINITIONS = "https://fhir.nhs.uk/STU3/OperationDefinition/"
_RECORD = "GPConnect-GetStructuredRecord-Operation-1"
_REGISTER = "GPConnect-RegisterPatient-Operation-1"
_SLOT_PARAMETERS = (
    ("start", "date"),
    ("end", "date"),
    ("status", "token"),
    ("searchFilter", "token"),
)
_SEARCH = "documents_search"
_INCLUDES = ("subject:Patient", "custodian:Organization", "author:Organization", "author:Practitioner")
_DOCUMENT_PARAMETERS = (("created", "date"), ("author", "token"), ("description", "string"))


def capability_statement(practice: Practice, root: str) -> Json:
    """What a practice's system says under `root` that it can do."""
    offered = [BY_INTERACTION[one] for one in practice.interactions]
    names = {operation.name for operation in offered if operation.root == root}
    return {
        "resourceType": "CapabilityStatement",
        "version": practice.version,
        "name": "GP Connect API - Access Document" if _SEARCH in names else "GP Connect",
        "status": "active",
        "date": "2025-11-20",
        "publisher": "Sandbox",
        "description": "A practice of the sandbox",
        "kind": "capability",
        "software": {"name": "Sandbox practice", "version": "1.0.0"},
        "fhirVersion": "3.0.1",
        "acceptUnknown": "both",
        "format": ["application/fhir+json"],
        "rest": [_rest(names)],
    }


def _rest(names: set[str]) -> Json:
    if "structured_record" in names:
        return {"mode": "server", "operation": [_operation("gpc.getstructuredrecord", _RECORD)]}
    if _SEARCH in names:
        return {"mode": "server", "resource": list(_documents())}
    resources = [
        _resource("Patient", "read", "search-type"),
        _resource("Organization", "read", "search-type"),
        _resource("Practitioner", "read", "search-type"),
        _resource("Location", "read"),
    ]
    if "book" in names:
        slot = _resource("Slot", "search-type")
        slot["searchInclude"] = ["Slot:schedule"]
        slot["searchParam"] = [{"name": name, "type": kind} for name, kind in _SLOT_PARAMETERS]
        appointment = _resource("Appointment", "read", "create", "update", "search-type")
        resources += [{**appointment, "updateCreate": False}, slot]
    operations = [_operation("gpc.registerpatient", _REGISTER)]
    return {"mode": "server", "resource": resources, "operation": operations}


def _documents() -> Iterator[Json]:
    yield _resource("Patient", "search-type")
    yield _resource("Binary", "read")
    yield {
        **_resource("DocumentReference", "search-type"),
        "searchInclude": [f"DocumentReference:{one}" for one in _INCLUDES],
        "searchRevInclude": ["PractitionerRole:practitioner"],
        "searchParam": [{"name": name, "type": kind} for name, kind in _DOCUMENT_PARAMETERS],
    }


def _resource(kind: str, *interactions: str) -> Json:
    return {"type": kind, "interaction": [{"code": code} for code in interactions]}


def _operation(name: str, definition: str) -> Json:
    return {"name": name, "definition": {"reference": _DEFINITIONS + definition}}
