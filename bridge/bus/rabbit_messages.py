"""What a message looks like on RabbitMQ: properties, and headers with types."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from aio_pika import DeliveryMode, IncomingMessage, Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType

from bridge.bus import marks
from bridge.bus.port import Delivery


def outgoing(
    body: bytes,
    message_id: str,
    content_type: str,
    correlation_id: str | None,
    headers: Mapping[str, str] | None,
) -> Message:
    """A message of our own; persistent, or a restart of the broker would lose it."""
    return Message(
        body,
        message_id=message_id,
        content_type=content_type,
        correlation_id=correlation_id,
        headers=dict(headers or {}),
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def copied(message: IncomingMessage, taken: Delivery, changes: Mapping[str, str]) -> Message:
    """The same message with other marks; the broker's own trail starts anew."""
    headers: HeadersType = {name: value for name, value in message.headers.items() if not _is_brokers(name)}
    return Message(
        message.body,
        headers={**headers, **changes},
        message_id=taken.id,  # the driver would make one up for a message that had none
        correlation_id=message.correlation_id,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        reply_to=message.reply_to,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
        priority=message.priority,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def _is_brokers(name: str) -> bool:
    return name in {"x-death", "x-delivery-count"} or name.startswith(("x-first-death-", "x-last-death-"))


def delivery(message: AbstractIncomingMessage, *, key: str = "") -> Delivery:
    """A message as the engine sees it; `key` is its routing key where the broker has changed that."""
    headers = {
        name: text
        for name, value in message.headers.items()
        if not _is_brokers(name) and (text := as_text(value)) is not None
    }
    redelivered = message.headers.get("x-delivery-count", 0)
    return Delivery(
        body=message.body,
        id=message.message_id or sha256(message.body).hexdigest(),
        key=headers.get(marks.ORIGINAL_KEY) or key or message.routing_key or "",
        headers=headers,
        content_type=message.content_type,
        correlation_id=None if message.correlation_id is None else str(message.correlation_id),
        attempt=marks.attempt(headers),
        deliveries=1 + (redelivered if isinstance(redelivered, int) else 0),
    )


def as_text(value: object) -> str | None:
    """A header value as text; None for tables and lists, which only brokers and tools set."""
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case datetime():
            return value.isoformat()
        case _:
            return None
