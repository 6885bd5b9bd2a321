"""Immunisations: given, not given, and what was agreed or declined (structured.md §5.3)."""

from collections.abc import Sequence

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PartValues, PracticeArea
from bridge.sandbox.structured.checks import boolean
from bridge.sandbox.structured.entries import HeldEntry

NOT_GIVEN = "includeNotGiven"
STATUS = "includeStatus"


def _select(entries: Sequence[HeldEntry], parts: PartValues) -> list[HeldEntry]:
    """What was given; with it by default the status entries, and what was not given where it is asked for."""
    return [each for each in entries if _is_wanted(each, parts)]


def _is_wanted(entry: HeldEntry, parts: PartValues) -> bool:
    if entry.resource["resourceType"] == "Observation":
        return bool(parts.get(STATUS, True))
    return not entry.resource["notGiven"] or bool(parts.get(NOT_GIVEN, False))


IMMUNISATIONS = PracticeArea(
    parameter="includeImmunisations",
    words="Immunisation",
    main_list=ListKind("1102181000000102", "Immunisations", "Immunisations"),
    since=(1, 3),
    parts={NOT_GIVEN: LegalPart(boolean, since=(1, 5)), STATUS: LegalPart(boolean, since=(1, 5))},
    select=_select,
    in_consultations="immunisations contained in consultations",
    in_problems="immunisations related to problems",
)
