"""Allergies and intolerances, active and ended (structured.md §4)."""

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PracticeArea
from bridge.sandbox.structured.checks import boolean

ACTIVE = ListKind("886921000000105", "Allergies and adverse reactions", "Allergies and adverse reactions")
ENDED = ListKind("1103671000000101", "Ended allergies", "Ended allergies")
RESOLVED = "includeResolvedAllergies"

ALLERGIES = PracticeArea(
    parameter="includeAllergies",
    words="Allergy",
    main_list=ACTIVE,
    parts={RESOLVED: LegalPart(boolean)},
    required=frozenset({RESOLVED}),
    in_consultations="allergies contained in consultations",
    in_problems="allergies related to problems",
)
