"""Spine interactions of GP Connect that this engine uses, with the scope each one asks for in its token.

The id alone picks the semantics of a call, is checked with its case, and ends in the API major version.
Source: Spine digest §6. `migratestructuredrecord` is not here on purpose: a hospital never calls it (CS-032).
"""

from typing import Final, Literal, NamedTuple

PREFIX: Final = "urn:nhs:names:services:gpconnect:"

Method = Literal["GET", "POST", "PUT"]
"""The verbs the proxy lets through (SP-040)."""


class Interaction(NamedTuple):
    """One kind of call.

    Attributes:
        id: the full URN, for `Ssp-InteractionID` and the directory.
        method: the HTTP verb that belongs to it.
        path: the FHIR request, relative to the service root that the directory gives (SP-042).
        scope: `requested_scope` of the token (SP-069). A missing confidentiality scope means `conf/N`, and
            `conf/R` is for GP to GP transfer only (SP-070), so none is ever named.
    """

    id: str
    method: Method
    path: str
    scope: str


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
