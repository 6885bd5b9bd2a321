"""How allergies are asked for."""

from typing import Final

from bridge.areas.allergies.options import AllergyOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeAllergies"
ENDED: Final = "includeResolvedAllergies"


def query(options: AllergyOptions) -> dict[str, Value]:
    """The parts of the parameter."""
    return {ENDED: options.include_ended}
