#!/usr/bin/env bash
# In fhir.resources, the lists of allowed codes of STU3 elements are cut short where the specification's short
# description ends in "+", and hold that "+" as if it were a code: a check by them refuses "corrected" results.
# Source: fhir.resources 8.3.0, STU3 models; FHIR STU3 (3.0.2), value sets observation-status and encounter-status.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhir.resources==8.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from fhir.resources.STU3 import get_fhir_model_class

WHOLE = {
    ("Observation", "status"): {"registered", "preliminary", "final", "amended", "corrected", "cancelled",
                                "entered-in-error", "unknown"},
    ("Encounter", "status"): {"planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled",
                              "entered-in-error", "unknown"},
}
print("fhir.resources", version("fhir.resources"))
as_told = True
for (kind, name), expected in WHOLE.items():
    field = get_fhir_model_class(kind).model_fields[name]
    listed = set(field.json_schema_extra["enum_values"])
    print(f"{kind}.{name}: expected {len(expected)} codes; missing: {sorted(expected - listed)}; "
          f"listed and no code: {sorted(listed - expected)}")
    as_told &= listed - expected == {"+"} and "entered-in-error" in expected - listed
sys.exit(0 if as_told else 1)
PYTHON
