"""The areas that GP Connect knows and that are not mapped here: a practice may speak of them all the same."""

from typing import Final

from bridge.areas.spec import AreaFacts, ListOfArea

KNOWN: Final = (
    AreaFacts(
        name="uncategorised",
        parameter="includeUncategorisedData",
        lists=(ListOfArea(name="uncategorised", code="826501000000100"),),
        kinds={"Observation": None, "QuestionnaireResponse": None},
    ),
)
