"""What is published of the areas that were asked for."""

from typing import Any

from bridge.areas.events import RECORD_COMPLETED, RecordCompleted
from bridge.areas.requests import WantedAreas
from bridge.areas.spec import AreaTable
from bridge.areas.table import AREAS
from bridge.contracts.events import Event
from bridge.record import Retrieved


def record_events(table: AreaTable = AREAS) -> dict[str, Any]:
    """The type of every event about a record, by its kind."""
    return {**{area.kind: area.data for area in table.areas}, RECORD_COMPLETED: RecordCompleted}


def areas_published(record: Retrieved, wanted: WantedAreas) -> list[Event]:
    """The event of each area that was asked for, in the order of the record.

    Args:
        record: mapped with the areas of `wanted`.
        wanted: of the request.
    """
    return [area.publish(record, options) for area, options in wanted.wanted()]
