"""Consultations (structured.md §5.2)."""

from collections.abc import Sequence

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PartValues, PracticeArea
from bridge.sandbox.structured.checks import past_period, positive
from bridge.sandbox.structured.entries import HeldEntry, latest

PERIOD = "consultationSearchPeriod"
MOST_RECENT = "includeNumberOfMostRecent"


def _select(entries: Sequence[HeldEntry], parts: PartValues) -> list[HeldEntry]:
    found = [each for each in entries if each.is_in(parts.get(PERIOD))]
    if MOST_RECENT not in parts:
        return found
    dated = sorted((each for each in found if each.start), key=_day, reverse=True)
    return [each for each in found if each in dated[: parts[MOST_RECENT]]]


def _day(entry: HeldEntry) -> tuple[str, str]:
    start = entry.start or ""
    return str(latest(start)), start


CONSULTATIONS = PracticeArea(
    parameter="includeConsultations",
    words="Consultation",
    main_list=ListKind("1149501000000101", "List of consultations", "List of consultations"),
    since=(1, 3),
    parts={PERIOD: LegalPart(past_period), MOST_RECENT: LegalPart(positive)},
    select=_select,
    in_problems="consultations related to problems",
    brings_linked=True,
)
