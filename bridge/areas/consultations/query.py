"""How consultations are asked for."""

from typing import Final

from bridge.areas.consultations.options import ConsultationOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeConsultations"
PERIOD: Final = "consultationSearchPeriod"
MOST_RECENT: Final = "includeNumberOfMostRecent"


def query(options: ConsultationOptions) -> dict[str, Value]:
    """The parts of the parameter; none asks for every consultation."""
    if options.most_recent is not None:
        return {MOST_RECENT: options.most_recent}
    return options.period(PERIOD)
