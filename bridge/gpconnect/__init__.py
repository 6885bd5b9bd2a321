"""The GP Connect client: one module per capability, and its error dialects as one error tree."""

from bridge.gpconnect.appointments import SearchAnswer
from bridge.gpconnect.booking import PracticeBooking
from bridge.gpconnect.capability import Capability
from bridge.gpconnect.client import GpConnect
from bridge.gpconnect.documents import Documents, DocumentSearch
from bridge.gpconnect.ids import ResourceId
from bridge.gpconnect.practice import PracticeClient
from bridge.gpconnect.registration import NewRegistration
from bridge.gpconnect.resources import LocalPatient, StoredAppointment, StoredResource
from bridge.gpconnect.structured import StructuredAnswer
from bridge.gpconnect.windows import Window

__all__ = [
    "Capability",
    "DocumentSearch",
    "Documents",
    "GpConnect",
    "LocalPatient",
    "NewRegistration",
    "PracticeBooking",
    "PracticeClient",
    "ResourceId",
    "SearchAnswer",
    "StoredAppointment",
    "StoredResource",
    "StructuredAnswer",
    "Window",
]
