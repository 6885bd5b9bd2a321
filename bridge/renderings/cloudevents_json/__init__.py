"""The form that always goes out: each event as one structured CloudEvent in JSON, its kind the topic."""

import orjson

from bridge.contracts.envelope import JSON, STRUCTURED
from bridge.contracts.events import to_write
from bridge.renderings.rendering import OutgoingEvent, Rendered


def render(event: OutgoingEvent) -> Rendered:
    """The event, with everything that it tells."""
    attributes = event.attributes(event.kind, media_type=JSON)
    body = orjson.dumps(attributes | {"data": to_write(event.data, event.written)})
    return Rendered(event.kind, attributes["id"], STRUCTURED, body)
