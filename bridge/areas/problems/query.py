"""How problems are asked for."""

from typing import Final

from bridge.areas.problems.options import ProblemOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeProblems"
STATUS: Final = "filterStatus"


def query(options: ProblemOptions) -> dict[str, Value]:
    """The parts of the parameter; none asks for every problem. A significance is never asked for (OD-21)."""
    return {STATUS: options.status} if options.status is not None else {}
