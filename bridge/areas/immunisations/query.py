"""How immunisations are asked for."""

from typing import Final

from bridge.areas.immunisations.options import ImmunisationOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeImmunisations"
NOT_GIVEN: Final = "includeNotGiven"
STATUSES: Final = "includeStatus"


def query(options: ImmunisationOptions) -> dict[str, Value]:
    """The parts of the parameter; both are always stated, since their defaults differ (digest §1.2)."""
    return {NOT_GIVEN: options.include_not_given, STATUSES: options.include_statuses}
