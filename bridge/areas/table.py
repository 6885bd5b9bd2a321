"""The clinical areas of this product: one line each."""

from typing import Final

from bridge.areas.allergies.spec import ALLERGIES
from bridge.areas.consultations.spec import CONSULTATIONS
from bridge.areas.diary_entries.spec import DIARY_ENTRIES
from bridge.areas.documents.spec import DOCUMENTS
from bridge.areas.immunisations.spec import IMMUNISATIONS
from bridge.areas.investigations.spec import INVESTIGATIONS
from bridge.areas.medications.spec import MEDICATIONS
from bridge.areas.observations.spec import OBSERVATIONS
from bridge.areas.problems.spec import PROBLEMS
from bridge.areas.referrals.spec import REFERRALS
from bridge.areas.spec import AreaTable

AREAS: Final = AreaTable(
    areas=(
        MEDICATIONS,
        ALLERGIES,
        PROBLEMS,
        CONSULTATIONS,
        IMMUNISATIONS,
        OBSERVATIONS,
        REFERRALS,
        DIARY_ENTRIES,
        DOCUMENTS,
        INVESTIGATIONS,
    ),
)
