"""What a message looks like on RabbitMQ: properties, and headers with types."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType
from pamqp.commands import Basic
from pamqp.encode import field_table, short_string

from bridge.bus import control_headers
from bridge.bus.base import Outgoing
from bridge.bus.port import Delivery
from bridge.bus.rabbit import amqp10
from bridge.bus.rabbit.headers import as_text, sendable, short
from bridge.bus.rabbit.publishing import Parcel

_NONE: frozenset[str] = frozenset()
_FLAGS: Final = Basic.Properties.flags
_ALWAYS: Final = sum(
    _FLAGS[name] for name in ("content_type", "headers", "delivery_mode", "priority", "message_id")
)
"""What each message of our own has. They are written here, in this order: the driver looks at fourteen."""
_CORRELATED: Final = _FLAGS["correlation_id"]
_PERSISTENT_AND_OF_NO_PRIORITY: Final = bytes((DeliveryMode.PERSISTENT, 0))

PutMessage = Callable[[str, Message], Awaitable[None]]
"""Publishes a message to the queue of that name, confirmed."""


class RabbitReceived:
    """A message that was handed over and is neither acknowledged nor rejected.

    Args:
        message: as the driver has it.
        queue: the work queue that it came from.
        put: for its copies.
    """

    def __init__(self, message: AbstractIncomingMessage, queue: str, put: PutMessage) -> None:
        self._message, self._put = message, put
        trusted = trusted_headers(message.exchange, trail(message), queue)
        self.delivery: Delivery = delivery(message, trusted=trusted)

    async def acknowledge(self) -> None:
        """Confirm it: what cannot be sent any more is handed over again, so nobody waits for the link."""
        tag = self._message.delivery_tag
        assert tag is not None, "a message that was handed over has a tag"
        await self._message.channel.basic_ack(tag, wait=False)

    async def hand_back(self) -> None:
        """Reject it in a second, for the broker to hand over again."""
        await asyncio.sleep(1)
        await self._message.nack(requeue=True)

    async def copy_to(self, queue: str, headers: Mapping[str, str]) -> None:
        """Publish a copy with all properties to that queue."""
        await self._put(queue, copied(self._message, self.delivery, headers))


def parcel_of(key: str, message: Outgoing) -> Parcel:
    """A message of our own; persistent, or a restart of the broker would lose it."""
    named = message.correlation_id
    properties = [
        (_ALWAYS | _CORRELATED if named else _ALWAYS).to_bytes(2),
        short_string(message.content_type),
        field_table(dict(message.headers)),
        _PERSISTENT_AND_OF_NO_PRIORITY,
        short_string(named) if named else b"",
        short_string(message.id),
    ]
    return Parcel(key, message.id, message.body, b"".join(properties))


def parcel_of_copy(queue: str, message: Message) -> Parcel:
    """A copy on its way to the queue of that name."""
    assert message.message_id is not None, "a copy is named, also one of a message that was not"
    return Parcel(queue, message.message_id, message.body, message.properties.marshal())


def copied(message: AbstractIncomingMessage, taken: Delivery, changes: Mapping[str, str]) -> Message:
    """The same message with other control headers; the broker's own trail starts anew."""
    headers: HeadersType = {
        name: sendable(value)
        for name, value in message.headers.items()
        if not _is_brokers(name) and name not in control_headers.ALL
    }
    unnamed = {} if taken.is_named else {control_headers.UNNAMED: "true"}
    return Message(
        message.body,
        headers={**headers, **control_headers.kept(taken.headers), **unnamed, **changes},
        message_id=short(taken.id),  # the driver would make one up for a message that had none
        correlation_id=short(message.correlation_id),
        content_type=short(message.content_type),
        content_encoding=short(message.content_encoding),
        reply_to=short(message.reply_to),
        timestamp=message.timestamp,
        type=short(message.type),
        app_id=short(message.app_id),
        priority=message.priority,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def _is_brokers(name: str) -> bool:
    return name in {"x-death", "x-delivery-count", "x-acquired-count"} or name.startswith(
        ("x-first-death-", "x-last-death-")
    )


def trail(message: AbstractIncomingMessage) -> list[dict[str, Any]]:
    """Where the broker moved the message from by itself, the last move first."""
    found = message.headers.get("x-death")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def trusted_headers(exchange: str | None, moves: list[dict[str, Any]], queue: str) -> frozenset[str]:
    """Which control headers count on a message in the work queue `queue`, by the way that it came there.

    A request comes by the exchange of the requests. Only copies come by the nameless exchange, which takes a
    message to the queue that it names; and only those that were put off come out of a delay queue.
    """
    if exchange != "":
        return _NONE
    waited = any(str(move.get("queue", "")).startswith(f"{queue}.wait.") for move in moves)
    return control_headers.ALL if waited else control_headers.ALL - control_headers.OF_A_TRY


def delivery(
    message: AbstractIncomingMessage, *, trusted: frozenset[str] = _NONE, key: str | None = None
) -> Delivery:
    """A message as the engine sees it.

    Args:
        message: as it was handed over.
        trusted: the control headers that count on it; see `trusted_headers`.
        key: its routing key, where the broker has changed that.
    """
    headers = {
        name: text
        for name, value in message.headers.items()
        if not _is_brokers(name)
        and (name in trusted or name not in control_headers.ALL)
        and (text := as_text(value)) is not None
    }
    for name, text in amqp10.application_properties(message.headers).items():
        if name not in control_headers.ALL and not _is_brokers(name):
            headers.setdefault(name, text)
    message_id, correlation_id = amqp10.ids(message.headers)
    # On the first delivery the broker sets no count, and a sender's own would stand there.
    redelivered = message.headers.get("x-delivery-count", 0) if message.redelivered else 0
    framed = amqp10.unframed(message.body) if message.type == amqp10.LABEL else None
    return Delivery(
        body=message.body if framed is None else framed,
        id=message_id or message.message_id or sha256(message.body).hexdigest(),
        is_named=bool(message.message_id) and control_headers.UNNAMED not in headers,
        key=headers.get(control_headers.ORIGINAL_KEY) or key or message.routing_key or "",
        headers=headers,
        content_type=message.content_type,
        correlation_id=correlation_id or message.correlation_id,
        attempt=control_headers.attempt(headers),
        deliveries=1 + (redelivered if isinstance(redelivered, int) else 0),
    )
