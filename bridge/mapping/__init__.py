"""What every mapping of an answer uses, and answers that are no record of areas; pure, no I/O."""

from bridge.mapping.appointments import map_appointment, map_appointments
from bridge.mapping.asked import Asked, Source
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
    "map_slots",
]
