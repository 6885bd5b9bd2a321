"""Proof of what is rendered to FHIR R4: what R4, R4B, UK Core and common sense say against it."""

from tests.support.r4.bundles import faults, of_kind, references, resources

__all__ = ["faults", "of_kind", "references", "resources"]
