"""The clinical areas of a structured record: asking, mapping, publishing; pure, no I/O.

How one is added: README.md in this folder.
"""

from bridge.areas.allergies.model import Allergy, AllergyKind, AllergyStatement, Reaction
from bridge.areas.gp_record import GpRecord
from bridge.areas.medications.model import Dosage, MedicationCourse, MedicationIssue, MedicationPlan, Repeat
from bridge.areas.record import map_record
from bridge.areas.schema import check_record
from bridge.areas.table import AREAS

__all__ = [
    "AREAS",
    "Allergy",
    "AllergyKind",
    "AllergyStatement",
    "Dosage",
    "GpRecord",
    "MedicationCourse",
    "MedicationIssue",
    "MedicationPlan",
    "Reaction",
    "Repeat",
    "check_record",
    "map_record",
]
