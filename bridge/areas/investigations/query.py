"""How investigations are asked for."""

from typing import Final

from bridge.areas.investigations.options import InvestigationOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeInvestigations"
PERIOD: Final = "investigationSearchPeriod"


def query(options: InvestigationOptions) -> dict[str, Value]:
    """The parts of the parameter; none asks for every investigation."""
    return options.period(PERIOD)
