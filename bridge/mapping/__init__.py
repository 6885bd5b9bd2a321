"""Bundle to record: one module per clinical area; pure, no I/O, and nothing raises."""

from bridge.mapping.appointments import map_appointment, map_appointments
from bridge.mapping.asked import Asked, Source
from bridge.mapping.bundle import map_record
from bridge.mapping.memory import collector_paused
from bridge.mapping.patients import map_patient
from bridge.mapping.slots import SlotSearch, map_slots

__all__ = [
    "Asked",
    "SlotSearch",
    "Source",
    "collector_paused",
    "map_appointment",
    "map_appointments",
    "map_patient",
    "map_record",
    "map_slots",
]
