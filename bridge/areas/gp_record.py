"""The whole answer of one practice about one patient, as the hospital reads it."""

from pydantic import with_config

from bridge.areas.allergies.model import AllergyFields
from bridge.areas.consultations.model import ConsultationFields
from bridge.areas.diary_entries.model import DiaryFields
from bridge.areas.documents.model import DocumentFields
from bridge.areas.immunisations.model import ImmunisationFields
from bridge.areas.investigations.model import InvestigationFields
from bridge.areas.medications.model import MedicationFields
from bridge.areas.observations.model import ObservationFields
from bridge.areas.problems.model import ProblemFields
from bridge.areas.referrals.model import ReferralFields
from bridge.record import Retrieved
from bridge.record.common import STRICT


@with_config(STRICT)
class GpRecord(
    Retrieved,
    MedicationFields,
    AllergyFields,
    ProblemFields,
    ConsultationFields,
    ImmunisationFields,
    ObservationFields,
    ReferralFields,
    DiaryFields,
    DocumentFields,
    InvestigationFields,
):
    """One retrieval. The untouched answer stays the source of truth; `source_hash` names it."""
