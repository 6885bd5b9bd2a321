"""How medications are asked for."""

from typing import Final

from bridge.areas.medications.options import MedicationOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeMedication"
ISSUES: Final = "includePrescriptionIssues"
SEARCH_FROM: Final = "medicationSearchFromDate"


def query(options: MedicationOptions) -> dict[str, Value]:
    """The parts of the parameter."""
    parts: dict[str, Value] = {ISSUES: options.include_issues}
    if options.search_from is not None:
        parts[SEARCH_FROM] = options.search_from
    return parts
