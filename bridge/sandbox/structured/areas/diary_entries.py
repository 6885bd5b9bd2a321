"""Diary entries: what is planned and not complete (structured.md §5.7)."""

from collections.abc import Sequence

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PartValues, PracticeArea
from bridge.sandbox.structured.checks import SearchPeriod, future_date
from bridge.sandbox.structured.entries import HeldEntry

UNTIL = "diaryEntriesSearchDate"


def _select(entries: Sequence[HeldEntry], parts: PartValues) -> list[HeldEntry]:
    """What is planned for that day or earlier, what is overdue, and what has no day (§1.3)."""
    until = SearchPeriod(None, parts[UNTIL]) if UNTIL in parts else None
    return [each for each in entries if each.is_in(until)]


DIARY_ENTRIES = PracticeArea(
    parameter="includeDiaryEntries",
    words="Diary entry",
    main_list=ListKind("714311000000108", "Patient recall administration", "Patient recall administration"),
    since=(1, 5),
    parts={UNTIL: LegalPart(future_date)},
    select=_select,
    in_consultations="diary entries contained in consultations",
    in_problems="diary entries related to problems",
)
