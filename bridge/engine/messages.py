"""A delivery as it is kept while its request is in doubt: what was asked, and how it came."""

from base64 import b64decode, b64encode

import orjson

from bridge.bus.port import Delivery


def stored(delivery: Delivery) -> bytes:
    """A delivery as bytes; its counts are of the bus, and end with it."""
    return orjson.dumps(
        {
            "body": b64encode(delivery.body).decode(),
            "id": delivery.id,
            "key": delivery.key,
            "headers": dict(delivery.headers),
            "content_type": delivery.content_type,
            "correlation_id": delivery.correlation_id,
        }
    )


def restored(message: bytes) -> Delivery:
    """The delivery that `stored` was given."""
    facts = orjson.loads(message)
    return Delivery(**facts | {"body": b64decode(facts["body"])})
