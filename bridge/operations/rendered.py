"""The further forms of what a bundle comes to, without a bus, a ledger or a worker."""

from collections.abc import Sequence
from typing import Any, Final, cast

from bridge.areas import AREAS, GpRecord
from bridge.areas.events import record_completed
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event
from bridge.renderings.rendering import (
    OutgoingEvent,
    Remembered,
    Rendered,
    RenderingOptions,
    WholeAnswer,
    Withheld,
)
from bridge.renderings.table import RENDERINGS

_STYLE: Final = EventStyle("uk.nhs.gpconnect", "/gpconnect-bridge")


def rendered(record: GpRecord, form: str, options: RenderingOptions) -> Sequence[Rendered | Withheld]:
    """What a form makes of a record, whose areas are taken to have been asked for whole.

    Args:
        record: as `bridge.operations.bundles.mapped` gives it.
        form: its name, of `RENDERINGS`.
        options: as the site has them.
    """
    made = RENDERINGS[form].render(whole_answer(record), options)
    return [each for each in made if not isinstance(each, Remembered)]


def whole_answer(record: GpRecord) -> WholeAnswer:
    """The events of a record as a request that asked for its areas would have them."""
    parts = [
        area.publish(cast("Any", record), None if area.options is None else area.options())
        for area in AREAS.areas
        if _is_told(record, area.name)
    ]
    events = [*parts, record_completed(record, parts, request_id=record["source_hash"])]
    return WholeAnswer([_outgoing(record, event) for event in events])


def _is_told(record: GpRecord, name: str) -> bool:
    outcome = next(area["outcome"] for area in record["areas"] if area["area"] == name)
    fields = cast("dict[str, Any]", record)
    return outcome != "not_requested" or bool(fields.get(name))


def _outgoing(record: GpRecord, event: Event) -> OutgoingEvent:
    snapshot = record["snapshot_id"]
    return OutgoingEvent(
        style=_STYLE,
        kind=event.kind,
        data=event.data,
        written=event.written,
        request_key=record["source_hash"],
        told_of=snapshot,
        subject=f"snapshot/{snapshot}",
        extensions={},
    )
