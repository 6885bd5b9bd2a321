#!/usr/bin/env bash
# fhir.resources takes a required element whose value is absent for a stated reason (an extension on the primitive, as in
# `_status`), but refuses the same of a required choice: a valid Immunization with `_occurrenceDateTime` alone is an error.
# Source: fhir.resources 8.3.0 (its R4B models), against FHIR R4B "JSON representation of primitive elements".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhir.resources==8.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from fhir.resources.R4B.immunization import Immunization
from pydantic import ValidationError

ABSENT = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}


def refused(**elements: object) -> str | None:
    """Why an Immunization with these elements is refused; None where it is taken."""
    vaccine, patient = {"text": "Influenza vaccine"}, {"reference": "Patient/1"}
    try:
        Immunization.model_validate({"vaccineCode": vaccine, "patient": patient, **elements})
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return None


status = refused(_status=ABSENT, occurrenceDateTime="2025-10-01")
occurrence = refused(status="completed", _occurrenceDateTime=ABSENT)
print(f"fhir.resources {version('fhir.resources')}")
print("expected: an absent `status` and an absent `occurrence[x]`, each with its reason, are both taken")
print(f"seen:     status {status or 'taken'}; occurrence[x] {occurrence or 'taken'}")
if status is not None or occurrence is None:
    sys.exit("this has changed")
PYTHON
