"""What is published of a bundle, as renderings are given it."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.areas import GpRecord
from bridge.areas.events import record_completed
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event
from bridge.renderings.rendering import OutgoingEvent, Rendered, RenderingOptions, RenderingSpec, WholeAnswer
from tests.support.mapped import mapped

STYLE = EventStyle("uk.nhs.gpconnect", "/gpconnect-bridge")
BOTH: Mapping[str, Any] = {"medications": {}, "allergies": {}}


def answer_of(record: GpRecord, areas: Mapping[str, Any] = BOTH) -> WholeAnswer:
    """The answer to a request for these areas, of a record that was mapped with them."""
    parts = areas_published(record, Areas.model_validate(areas))
    return answer_with([*parts, record_completed(record, parts, request_id="request-1")])


def answer_with(events: list[Event]) -> WholeAnswer:
    """An answer of these events."""
    return WholeAnswer(
        [
            OutgoingEvent(
                style=STYLE,
                kind=event.kind,
                data=event.data,
                request_key="request-1",
                told_of=event.snapshot_id,
                subject=f"snapshot/{event.snapshot_id}",
                extensions={"correlationid": "c-1", "sequence": f"{number}/{len(events)}"},
                written=event.written,
            )
            for number, event in enumerate(events, start=1)
        ]
    )


def answer_to(bundle: object, areas: Mapping[str, Any] = BOTH) -> WholeAnswer:
    """The answer to a request for these areas, where the practice sends this bundle."""
    return answer_of(mapped(bundle, areas=areas), areas)


def only(spec: RenderingSpec, answer: WholeAnswer, options: RenderingOptions | None = None) -> Any:
    """The data of the one message that a form makes of an answer."""
    (rendered,) = spec.render(answer, options or RenderingOptions())
    assert isinstance(rendered, Rendered)
    return orjson.loads(rendered.body)["data"]
