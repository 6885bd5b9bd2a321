"""The areas that GP Connect knows and that are not mapped here: a practice may speak of them all the same."""

from typing import Final

from bridge.areas.spec import AreaFacts, ListOfArea
from bridge.fhir.index import ReceivedEntry
from bridge.mapping.reading import Reading


def _is_plan(_: Reading, received: ReceivedEntry) -> bool:
    """A plan is a diary entry, an order the request behind an investigation (digest §5.7)."""
    return received.resource.get("intent") == "plan"


def _is_no_plan(reading: Reading, received: ReceivedEntry) -> bool:
    return not _is_plan(reading, received)


KNOWN: Final = (
    AreaFacts(
        name="uncategorised",
        parameter="includeUncategorisedData",
        lists=(ListOfArea(name="uncategorised", code="826501000000100"),),
        kinds={"Observation": None, "QuestionnaireResponse": None},
    ),
    AreaFacts(
        name="investigations",
        parameter="includeInvestigations",
        lists=(ListOfArea(name="investigations", code="887191000000108"),),
        kinds={"DiagnosticReport": None, "Specimen": None, "ProcedureRequest": _is_no_plan},
    ),
)
