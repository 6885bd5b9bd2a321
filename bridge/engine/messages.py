"""A delivery as it is kept with its request, in doubt or failed: what was asked, and how it came."""

from base64 import b64decode, b64encode

import orjson

from bridge.bus.port import Delivery


def stored(delivery: Delivery, *, edition: int = 0) -> bytes:
    """A delivery as bytes; its counts are of the bus, and end with it.

    Args:
        delivery: as the bus handed it over.
        edition: of the answers, see `bridge.engine.incoming.IncomingRequest`.
    """
    return orjson.dumps(
        {
            "edition": edition,
            "body": b64encode(delivery.body).decode(),
            "id": delivery.id,
            "key": delivery.key,
            "headers": dict(delivery.headers),
            "content_type": delivery.content_type,
            "correlation_id": delivery.correlation_id,
        }
    )


def restored(message: bytes) -> tuple[Delivery, int]:
    """The delivery and the edition that `stored` was given."""
    facts = orjson.loads(message)
    edition = facts.pop("edition", 0)
    return Delivery(**facts | {"body": b64decode(facts["body"])}), edition
