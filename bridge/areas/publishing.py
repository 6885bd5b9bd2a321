"""What is published of the areas that were asked for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bridge.areas.events import RECORD_COMPLETED, RecordCompleted
from bridge.areas.requests import WantedAreas
from bridge.areas.spec import AreaTable
from bridge.areas.table import AREAS
from bridge.contracts.events import Event, Written
from bridge.record import Retrieved

_IN_EACH: Final = ("linked_problems", "issues")
"""What every event of a record repeats whole. It may be most of a small one: so it is written once."""


def record_events(table: AreaTable = AREAS) -> dict[str, Any]:
    """The type of every event about a record, by its kind."""
    return {**{area.kind: area.data for area in table.areas}, RECORD_COMPLETED: RecordCompleted}


def areas_published(record: Retrieved, wanted: WantedAreas) -> list[Event]:
    """The event of each area that was asked for, and of those of which anything came along.

    They are in the order of the record.

    Args:
        record: mapped with the areas of `wanted`.
        wanted: of the request.
    """
    options = wanted.options()
    brought = wanted.table.brought(options)
    fields: Mapping[str, Any] = record
    shared = {name: Written.of(fields[name]) for name in _IN_EACH}
    events = [
        area.publish(record, options.get(area.name))
        for area in wanted.table.areas
        if area.name in options or (area.name in brought and fields[area.name])
    ]
    return [replace(event, written={**event.written, **shared}) for event in events]
