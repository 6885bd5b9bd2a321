"""Investigations: reports of a laboratory with their results (structured.md §5.5)."""

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PracticeArea, within
from bridge.sandbox.structured.checks import past_period

PERIOD = "investigationSearchPeriod"

INVESTIGATIONS = PracticeArea(
    parameter="includeInvestigations",
    words="Investigation",
    main_list=ListKind("887191000000108", "Investigations and results", "Investigations and results"),
    since=(1, 4),
    parts={PERIOD: LegalPart(past_period)},
    select=within(PERIOD),
    in_consultations="investigations contained in consultations",
    in_problems="investigations related to problems",
)
