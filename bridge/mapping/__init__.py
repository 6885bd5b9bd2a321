"""Bundle to record: one module per clinical area; pure, no I/O, and nothing raises."""

from bridge.mapping.asked import Asked, Source
from bridge.mapping.bundle import map_record
from bridge.mapping.memory import collector_paused

__all__ = ["Asked", "Source", "collector_paused", "map_record"]
