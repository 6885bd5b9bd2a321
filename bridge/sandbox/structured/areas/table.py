"""The areas of GP Connect: one line each."""

from types import MappingProxyType
from typing import Final

from bridge.sandbox.structured.areas.allergies import ALLERGIES
from bridge.sandbox.structured.areas.consultations import CONSULTATIONS
from bridge.sandbox.structured.areas.diary_entries import DIARY_ENTRIES
from bridge.sandbox.structured.areas.documents import DOCUMENTS
from bridge.sandbox.structured.areas.immunisations import IMMUNISATIONS
from bridge.sandbox.structured.areas.investigations import INVESTIGATIONS
from bridge.sandbox.structured.areas.medication import MEDICATION
from bridge.sandbox.structured.areas.problems import PROBLEMS
from bridge.sandbox.structured.areas.referrals import REFERRALS
from bridge.sandbox.structured.areas.uncategorised import UNCATEGORISED

PRACTICE_AREAS: Final = MappingProxyType(
    {
        area.parameter: area
        for area in (
            ALLERGIES,
            MEDICATION,
            CONSULTATIONS,
            PROBLEMS,
            IMMUNISATIONS,
            UNCATEGORISED,
            INVESTIGATIONS,
            REFERRALS,
            DIARY_ENTRIES,
            DOCUMENTS,
        )
    }
)
"""By parameter."""
