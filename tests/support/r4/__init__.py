"""Proof of what is rendered to FHIR R4: what R4, R4B, UK Core and common sense say against it."""

from tests.support.r4.bundles import faults, of_kind, references, resources
from tests.support.r4.rendered import absent, rendered, rendered_record

__all__ = ["absent", "faults", "of_kind", "references", "rendered", "rendered_record", "resources"]
