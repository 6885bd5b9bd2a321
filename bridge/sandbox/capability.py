"""The capability statement of a practice."""

from typing import Any

Json = dict[str, Any]

_OPERATION = "https://fhir.nhs.uk/STU3/OperationDefinition/GPConnect-GetStructuredRecord-Operation-1"


def capability_statement(version: str) -> Json:
    """What a practice's system of GP Connect `version` says that it can do; the same under either root."""
    rest = {
        "mode": "server",
        "resource": [{"type": "Patient", "interaction": [{"code": "read"}, {"code": "search-type"}]}],
        "operation": [{"name": "gpc.getstructuredrecord", "definition": {"reference": _OPERATION}}],
    }
    return {
        "resourceType": "CapabilityStatement",
        "version": version,
        "name": "GP Connect",
        "status": "active",
        "date": "2025-11-20",
        "publisher": "Sandbox",
        "description": "A practice of the sandbox",
        "kind": "capability",
        "software": {"name": "Sandbox practice", "version": "1.0.0"},
        "fhirVersion": "3.0.1",
        "acceptUnknown": "both",
        "format": ["application/fhir+json"],
        "rest": [rest],
    }
