"""What may be asked: the request models of the project's pipelines, and what one of a site's own is made of.

A request with other fields is a subclass of `GpConnectRequest`; `Model` is the base of what stands inside.
"""

from bridge.areas.allergies.options import AllergyOptions
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.requests import Areas, RecordRequest
from bridge.contracts.appointments import (
    AppointmentAmendRequest,
    AppointmentCancelRequest,
    AppointmentRef,
    AppointmentRequest,
    AppointmentRescheduleRequest,
    AppointmentsRequest,
    Booking,
    Choice,
    Offer,
    SlotsRequest,
)
from bridge.contracts.care_record import CareRecordRequest, DayRange, Sections
from bridge.contracts.documents import DocumentRequest, DocumentsRequest
from bridge.contracts.patients import PatientFindRequest, PatientRegisterRequest, RegistrationDetails
from bridge.contracts.requests import (
    Gender,
    GpConnectRequest,
    Model,
    NhsNumber,
    OdsCode,
    Organisation,
    PastDate,
    Patient,
    Requester,
    Text,
)

__all__ = [
    "AllergyOptions",
    "AppointmentAmendRequest",
    "AppointmentCancelRequest",
    "AppointmentRef",
    "AppointmentRequest",
    "AppointmentRescheduleRequest",
    "AppointmentsRequest",
    "Areas",
    "Booking",
    "CareRecordRequest",
    "Choice",
    "DayRange",
    "DocumentRequest",
    "DocumentsRequest",
    "Gender",
    "GpConnectRequest",
    "MedicationOptions",
    "Model",
    "NhsNumber",
    "OdsCode",
    "Offer",
    "Organisation",
    "PastDate",
    "Patient",
    "PatientFindRequest",
    "PatientRegisterRequest",
    "RecordRequest",
    "RegistrationDetails",
    "Requester",
    "Sections",
    "SlotsRequest",
    "Text",
]
