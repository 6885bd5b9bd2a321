"""Spine interactions of GP Connect that this engine uses, with the scope each one asks for in its token.

The id alone picks the semantics of a call, is checked with its case, and ends in the API major version, but
for those of version 0.
Source: Spine digest §6. `migratestructuredrecord` is not here on purpose: a hospital never calls it (CS-032).
"""

from typing import Final, Literal, NamedTuple

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
        path: the FHIR request, relative to the service root that the directory gives (SP-042).
        scope: `requested_scope` of the token (SP-069). A missing confidentiality scope means `conf/N`, and
            `conf/R` is for GP to GP transfer only (SP-070), so none is ever named.
        fhir: decides media type and token.
    """

    id: str
    method: Method
    path: str
    scope: str
    fhir: FhirVersion = "STU3"


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
STRUCTURED_METADATA: Final = Interaction(
    id=PREFIX + "structured:fhir:rest:read:metadata-1",
    method="GET",
    path="metadata",
    scope="organization/*.read",
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
