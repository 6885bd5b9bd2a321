"""Medications and medical devices (structured.md §3)."""

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PracticeArea
from bridge.sandbox.structured.checks import boolean, past_date

LIST = ListKind("933361000000108", "Medications and medical devices", "Medications and medical devices")
ISSUES = "includePrescriptionIssues"
SEARCH_FROM = "medicationSearchFromDate"

MEDICATION = PracticeArea(
    parameter="includeMedication",
    words="Medication",
    main_list=LIST,
    parts={ISSUES: LegalPart(boolean), SEARCH_FROM: LegalPart(past_date)},
    in_consultations="medications contained in consultations",
    in_problems="medications related to problems",
)
