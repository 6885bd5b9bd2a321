"""A practice, as `Context.practice` gives it: what is asked of it, what it gives, and how that is mapped."""

from bridge.fhir.read import JsonObject
from bridge.gpconnect import (
    LocalPatient,
    NewRegistration,
    PracticeBooking,
    PracticeClient,
    ResourceId,
    StoredAppointment,
    StructuredAnswer,
    Window,
)
from bridge.gpconnect.appointments import check_changeable
from bridge.gpconnect.booking import LONGEST_DESCRIPTION
from bridge.gpconnect.windows import LONDON, today
from bridge.mapping import map_appointment, map_appointments
from bridge.spine.clock import timestamp
from bridge.spine.pds import TracedPatient

__all__ = [
    "LONDON",
    "LONGEST_DESCRIPTION",
    "JsonObject",
    "LocalPatient",
    "NewRegistration",
    "PracticeBooking",
    "PracticeClient",
    "ResourceId",
    "StoredAppointment",
    "StructuredAnswer",
    "TracedPatient",
    "Window",
    "check_changeable",
    "map_appointment",
    "map_appointments",
    "timestamp",
    "today",
]
