"""What a record is made of, for whoever makes events of it."""

from bridge.areas import (
    Allergy,
    AllergyKind,
    AllergyStatement,
    Dosage,
    GpRecord,
    MedicationCourse,
    MedicationIssue,
    MedicationPlan,
    Reaction,
)
from bridge.record import (
    Area,
    AreaOutcome,
    AreaWarning,
    CodedText,
    Coding,
    DemographicsCheck,
    Issue,
    LinkedProblem,
    Note,
    PartialDate,
    Party,
    Provenance,
    Quantity,
    Unmapped,
)
from bridge.record.appointments import Appointment, Appointments, FreeSlots, Slot
from bridge.record.care_record import CareRecordSection
from bridge.record.documents import Document, FoundDocuments
from bridge.record.patients import PracticePatient

__all__ = [
    "Allergy",
    "AllergyKind",
    "AllergyStatement",
    "Appointment",
    "Appointments",
    "Area",
    "AreaOutcome",
    "AreaWarning",
    "CareRecordSection",
    "CodedText",
    "Coding",
    "DemographicsCheck",
    "Document",
    "Dosage",
    "FoundDocuments",
    "FreeSlots",
    "GpRecord",
    "Issue",
    "LinkedProblem",
    "MedicationCourse",
    "MedicationIssue",
    "MedicationPlan",
    "Note",
    "PartialDate",
    "Party",
    "PracticePatient",
    "Provenance",
    "Quantity",
    "Reaction",
    "Slot",
    "Unmapped",
]
