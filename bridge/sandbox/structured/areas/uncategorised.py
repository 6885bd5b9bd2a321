"""Uncategorised data: whatever was coded and is of no other area (structured.md §5.4)."""

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PracticeArea, within
from bridge.sandbox.structured.checks import past_period

PERIOD = "uncategorisedDataSearchPeriod"

UNCATEGORISED = PracticeArea(
    parameter="includeUncategorisedData",
    words="Uncategorised data",
    main_list=ListKind("826501000000100", "Miscellaneous record", "Uncategorised data"),
    since=(1, 3),
    parts={PERIOD: LegalPart(past_period)},
    select=within(PERIOD),
    in_consultations="uncategorised data contained in consultations",
    in_problems="uncategorised data related to problems",
)
