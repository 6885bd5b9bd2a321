"""The first rendering: each event as one structured CloudEvent with JSON data, on the topic of its kind."""

from collections.abc import Sequence

import orjson

from bridge.contracts.envelope import JSON, STRUCTURED
from bridge.contracts.events import to_write
from bridge.renderings.rendering import OutgoingEvent, Rendered


def render(event: OutgoingEvent) -> Sequence[Rendered]:
    """The event, with everything that it tells."""
    attributes = event.attributes(event.kind, media_type=JSON)
    body = orjson.dumps(attributes | {"data": to_write(event.data, event.written)})
    return [Rendered(event.kind, attributes["id"], STRUCTURED, body)]
