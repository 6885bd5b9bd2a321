"""Problems (structured.md §5.1)."""

from collections.abc import Sequence

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PartValues, PracticeArea
from bridge.sandbox.structured.checks import status
from bridge.sandbox.structured.entries import HeldEntry

STATUS = "filterStatus"


def _select(entries: Sequence[HeldEntry], parts: PartValues) -> list[HeldEntry]:
    return [each for each in entries if parts.get(STATUS) in (None, each.resource["clinicalStatus"])]


PROBLEMS = PracticeArea(
    parameter="includeProblems",
    words="Problem",
    main_list=ListKind("717711000000103", "Problems", "Problems"),
    since=(1, 3),
    parts={STATUS: LegalPart(status)},
    select=_select,
    in_consultations="problems contained in consultations",
    in_problems="linked problems not relating to the primary query",
    brings_linked=True,
)
