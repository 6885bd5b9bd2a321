"""The operations of a practice: interaction id, verb, address and scope of each (spine.md §6)."""

import re
from dataclasses import dataclass

_PREFIX = "urn:nhs:names:services:gpconnect:"
_STRUCTURED = "STU3/1/gpconnect/structured"
_FOUNDATIONS = "STU3/1/gpconnect"
_DOCUMENTS = "STU3/1/gpconnect/documents"
_CARE_RECORD = "DSTU2/0/gpconnect"


@dataclass(frozen=True, slots=True)
class SpineOperation:
    """One operation.

    Attributes:
        name: what the sandbox calls it, in faults too.
        root: service root under the practice's ODS code.
        path: behind the root; its group ``id`` is a logical id.
        scope: what ``requested_scope`` must name.
    """

    name: str
    interaction: str
    root: str
    method: str
    path: re.Pattern[str]
    scope: str

    def id_in(self, path: str) -> str:
        """The logical id in a path of this operation; empty when it has none."""
        matched = self.path.fullmatch(path)
        return matched.groupdict().get("id", "") if matched else ""

    @property
    def is_of_the_diary(self) -> bool:
        """Whether it belongs to Appointment Management."""
        return "slot" in self.interaction or "appointment" in self.interaction

    @property
    def is_of_documents(self) -> bool:
        """Whether it belongs to Access Document, which came with version 1.6 (documents.md)."""
        return self.root == _DOCUMENTS

    @property
    def is_version_0(self) -> bool:
        """Whether it is spoken in DSTU2, with the token and the errors of version 0."""
        return self.root == _CARE_RECORD


def _operation(name: str, interaction: str, verb_and_path: str, scope: str) -> SpineOperation:
    method, _, path = verb_and_path.partition(" ")
    version_1 = _STRUCTURED if "structured" in interaction else _FOUNDATIONS
    if interaction.startswith("documents:"):
        version_1 = _DOCUMENTS
    root = version_1 if interaction.endswith("-1") else _CARE_RECORD
    pattern = re.compile(re.escape(path).replace(re.escape("[id]"), "(?P<id>[^/]+)"))
    return SpineOperation(name, _PREFIX + interaction, root, method, pattern, scope)


_READ, _WRITE, _ORGANISATION = "patient/*.read", "patient/*.write", "organization/*.read"
OPERATIONS = (
    _operation(
        "structured_record",
        "fhir:operation:gpc.getstructuredrecord-1",
        "POST /Patient/$gpc.getstructuredrecord",
        _READ,
    ),
    _operation("structured_metadata", "structured:fhir:rest:read:metadata-1", "GET /metadata", _ORGANISATION),
    _operation("metadata", "fhir:rest:read:metadata-1", "GET /metadata", _ORGANISATION),
    _operation("find_patient", "fhir:rest:search:patient-1", "GET /Patient", _READ),
    _operation("read_patient", "fhir:rest:read:patient-1", "GET /Patient/[id]", _READ),
    _operation(
        "register_patient",
        "fhir:operation:gpc.registerpatient-1",
        "POST /Patient/$gpc.registerpatient",
        _WRITE,
    ),
    _operation("find_practitioner", "fhir:rest:search:practitioner-1", "GET /Practitioner", _ORGANISATION),
    _operation("read_practitioner", "fhir:rest:read:practitioner-1", "GET /Practitioner/[id]", _ORGANISATION),
    _operation("find_organisation", "fhir:rest:search:organization-1", "GET /Organization", _ORGANISATION),
    _operation("read_organisation", "fhir:rest:read:organization-1", "GET /Organization/[id]", _ORGANISATION),
    _operation("read_location", "fhir:rest:read:location-1", "GET /Location/[id]", _ORGANISATION),
    _operation("search_slots", "fhir:rest:search:slot-1", "GET /Slot", _ORGANISATION),
    _operation("book", "fhir:rest:create:appointment-1", "POST /Appointment", _WRITE),
    _operation("read_appointment", "fhir:rest:read:appointment-1", "GET /Appointment/[id]", _READ),
    _operation(
        "patient_appointments",
        "fhir:rest:search:patient_appointments-1",
        "GET /Patient/[id]/Appointment",
        _READ,
    ),
    _operation("amend", "fhir:rest:update:appointment-1", "PUT /Appointment/[id]", _WRITE),
    _operation("cancel", "fhir:rest:cancel:appointment-1", "PUT /Appointment/[id]", _WRITE),
    _operation("documents_metadata", "documents:fhir:rest:read:metadata-1", "GET /metadata", _ORGANISATION),
    _operation("documents_patient", "documents:fhir:rest:search:patient-1", "GET /Patient", _READ),
    _operation(
        "documents_search",
        "documents:fhir:rest:search:documentreference-1",
        "GET /Patient/[id]/DocumentReference",
        _READ,
    ),
    _operation("document", "documents:fhir:rest:read:binary-1", "GET /Binary/[id]", _READ),
    _operation("care_record", "fhir:operation:gpc.getcarerecord", "POST /Patient/$gpc.getcarerecord", _READ),
    _operation("care_record_metadata", "fhir:rest:read:metadata", "GET /metadata", _ORGANISATION),
)
BY_INTERACTION = {operation.interaction: operation for operation in OPERATIONS}
NAMES = frozenset(operation.name for operation in OPERATIONS)


def operation_at(root: str, path: str, method: str, interaction: str | None) -> SpineOperation | None:
    """What is served at an address; None when nothing is.

    The same verb and path serve amending and cancelling: the interaction id alone tells them apart. When it
    fits none, the one that the verb asks for is taken, so that the answer says what does not fit.
    """
    found = [one for one in OPERATIONS if one.root == root and one.path.fullmatch(path)]
    found.sort(key=lambda one: (one.interaction != interaction, one.method != method))
    # An operation is no logical id: $gpc.registerpatient is not the patient of that name.
    named = [one for one in found if "$" in one.path.pattern]
    return next(iter(named or found), None)
