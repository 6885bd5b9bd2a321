"""``record.rendered.r4.v1`` as its readers meet it."""

from typing import Any, Final, Literal

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT

R4_RENDERED: Final = "record.rendered.r4.v1"
FHIR_JSON: Final = "application/fhir+json"


@with_config(STRICT)
class R4Entry(TypedDict):
    """One resource of the Bundle."""

    fullUrl: str
    """``urn:uuid:`` and the id of the resource; references inside the Bundle are by it."""
    resource: dict[str, Any]
    """A resource of FHIR R4, with the profile of UK Core in ``meta.profile``."""


@with_config(STRICT)
class R4Bundle(TypedDict):
    """``record.rendered.r4.v1``: a whole record as a Bundle of FHIR R4 (http://hl7.org/fhir/R4/bundle.html)."""

    resourceType: Literal["Bundle"]
    """As every resource of FHIR begins."""
    id: str
    """The snapshot id of the events."""
    meta: dict[str, Any]
    """The profile, the label to be shown with the data, and the hash of the practice's answer."""
    identifier: dict[str, Any]
    """The snapshot id again, with a system of its own."""
    type: Literal["collection"]
    timestamp: str
    """When the record was retrieved."""
    entry: list[R4Entry]
    """Patient, who took part, an OperationOutcome of what must be known, a List for each area, items."""
