"""Spine interactions of GP Connect that this engine uses, with the scope each one asks for in its token.

The id alone picks the semantics of a call, is checked with its case, and ends in the API major version, but
for those of version 0.
Source: Spine digest §6. Migrating a record or documents is not here on purpose: no hospital does (CS-032).
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

PREFIX: Final = "urn:nhs:names:services:gpconnect:"

Method = Literal["GET", "POST", "PUT"]
"""The verbs the proxy lets through (SP-040)."""

FhirVersion = Literal["STU3", "DSTU2"]
"""GP Connect 1.x speaks FHIR STU3 and 0.x DSTU2, with another media type and another token."""


class Interaction(NamedTuple):
    """One kind of call.

    Attributes:
        id: the full URN, for `Ssp-InteractionID` and the directory.
        method: the HTTP verb that belongs to it.
        path: the FHIR request, relative to the service root that the directory gives (SP-042); ``{id}``
            stands for a logical id.
        scope: `requested_scope` of the token (SP-069). A missing confidentiality scope means `conf/N`, and
            `conf/R` is for GP to GP transfer only (SP-070), so none is ever named.
        fhir: decides media type and token.
    """

    id: str
    method: Method
    path: str
    scope: str
    fhir: FhirVersion = "STU3"

    def target(self, logical_id: str | None = None, query: Iterable[tuple[str, str]] = ()) -> str:
        """The path of one call, percent-encoded. It may hold an NHS number, so it belongs in no log.

        Args:
            logical_id: of the resource that `path` leaves open.
            query: names and values as they are meant; ``+`` and ``|`` are encoded too (SP-034, FN-007).
        """
        path = self.path if logical_id is None else self.path.replace("{id}", quote(logical_id, safe=""))
        search = "&".join(f"{quote(name, safe=':')}={quote(value, safe=':/')}" for name, value in query)
        return f"{path}?{search}" if search else path


STRUCTURED_RECORD: Final = Interaction(
    id=PREFIX + "fhir:operation:gpc.getstructuredrecord-1",
    method="POST",
    path="Patient/$gpc.getstructuredrecord",
    scope="patient/*.read",
)
FOUNDATIONS_METADATA: Final = Interaction(
    id=PREFIX + "fhir:rest:read:metadata-1",
    method="GET",
    path="metadata",
    scope="organization/*.read",
)
FIND_PATIENT: Final = Interaction(
    id=PREFIX + "fhir:rest:search:patient-1", method="GET", path="Patient", scope="patient/*.read"
)
READ_PATIENT: Final = Interaction(
    id=PREFIX + "fhir:rest:read:patient-1", method="GET", path="Patient/{id}", scope="patient/*.read"
)
REGISTER_PATIENT: Final = Interaction(
    id=PREFIX + "fhir:operation:gpc.registerpatient-1",
    method="POST",
    path="Patient/$gpc.registerpatient",
    scope="patient/*.write",
)
FIND_PRACTITIONER: Final = Interaction(
    id=PREFIX + "fhir:rest:search:practitioner-1",
    method="GET",
    path="Practitioner",
    scope="organization/*.read",
)
READ_PRACTITIONER: Final = Interaction(
    id=PREFIX + "fhir:rest:read:practitioner-1",
    method="GET",
    path="Practitioner/{id}",
    scope="organization/*.read",
)
FIND_ORGANISATION: Final = Interaction(
    id=PREFIX + "fhir:rest:search:organization-1",
    method="GET",
    path="Organization",
    scope="organization/*.read",
)
READ_ORGANISATION: Final = Interaction(
    id=PREFIX + "fhir:rest:read:organization-1",
    method="GET",
    path="Organization/{id}",
    scope="organization/*.read",
)
READ_LOCATION: Final = Interaction(
    id=PREFIX + "fhir:rest:read:location-1", method="GET", path="Location/{id}", scope="organization/*.read"
)
SEARCH_SLOTS: Final = Interaction(
    id=PREFIX + "fhir:rest:search:slot-1", method="GET", path="Slot", scope="organization/*.read"
)
BOOK_APPOINTMENT: Final = Interaction(
    id=PREFIX + "fhir:rest:create:appointment-1", method="POST", path="Appointment", scope="patient/*.write"
)
READ_APPOINTMENT: Final = Interaction(
    id=PREFIX + "fhir:rest:read:appointment-1",
    method="GET",
    path="Appointment/{id}",
    scope="patient/*.read",
)
AMEND_APPOINTMENT: Final = Interaction(
    id=PREFIX + "fhir:rest:update:appointment-1",
    method="PUT",
    path="Appointment/{id}",
    scope="patient/*.write",
)
CANCEL_APPOINTMENT: Final = Interaction(
    id=PREFIX + "fhir:rest:cancel:appointment-1",
    method="PUT",
    path="Appointment/{id}",
    scope="patient/*.write",
)
PATIENT_APPOINTMENTS: Final = Interaction(
    id=PREFIX + "fhir:rest:search:patient_appointments-1",
    method="GET",
    path="Patient/{id}/Appointment",
    scope="patient/*.read",
)
STRUCTURED_METADATA: Final = Interaction(
    id=PREFIX + "structured:fhir:rest:read:metadata-1",
    method="GET",
    path="metadata",
    scope="organization/*.read",
)
DOCUMENTS_METADATA: Final = Interaction(
    id=PREFIX + "documents:fhir:rest:read:metadata-1",
    method="GET",
    path="metadata",
    scope="organization/*.read",
)
FIND_DOCUMENTS_PATIENT: Final = Interaction(
    id=PREFIX + "documents:fhir:rest:search:patient-1", method="GET", path="Patient", scope="patient/*.read"
)
SEARCH_DOCUMENTS: Final = Interaction(
    id=PREFIX + "documents:fhir:rest:search:documentreference-1",
    method="GET",
    path="Patient/{id}/DocumentReference",
    scope="patient/*.read",
)
RETRIEVE_DOCUMENT: Final = Interaction(
    id=PREFIX + "documents:fhir:rest:read:binary-1", method="GET", path="Binary/{id}", scope="patient/*.read"
)
CARE_RECORD: Final = Interaction(
    id=PREFIX + "fhir:operation:gpc.getcarerecord",
    method="POST",
    path="Patient/$gpc.getcarerecord",
    scope="patient/*.read",
    fhir="DSTU2",
)
CARE_RECORD_METADATA: Final = Interaction(
    id=PREFIX + "fhir:rest:read:metadata",
    method="GET",
    path="metadata",
    scope="organization/*.read",
    fhir="DSTU2",
)
