"""How observations are asked for."""

from typing import Final

from bridge.areas.observations.options import ObservationOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeUncategorisedData"
PERIOD: Final = "uncategorisedDataSearchPeriod"


def query(options: ObservationOptions) -> dict[str, Value]:
    """The parts of the parameter; none asks for every observation."""
    return options.period(PERIOD)
