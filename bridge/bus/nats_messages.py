"""What a message looks like on NATS, whose headers are text and whose properties are headers too."""

from collections.abc import Mapping
from hashlib import sha256

from nats.aio.msg import Msg
from nats.js.api import Header

from bridge.bus import marks
from bridge.bus.port import Delivery

MESSAGE_ID = "x-message-id"
"""The id of a message, on copies: their own `Nats-Msg-Id` must differ, or the server drops them."""
CONTENT_TYPE = "content-type"
CORRELATION_ID = "x-correlation-id"
_MSG_ID = "nats-msg-id"
_OURS = frozenset({MESSAGE_ID, CONTENT_TYPE, CORRELATION_ID, _MSG_ID, "nats-expected-stream"})


def outgoing(
    message_id: str, content_type: str, correlation_id: str | None, headers: Mapping[str, str] | None
) -> dict[str, str]:
    """Headers of a message of our own."""
    own = {Header.MSG_ID.value: message_id, CONTENT_TYPE: content_type}
    if correlation_id is not None:
        own[CORRELATION_ID] = correlation_id
    return {**(headers or {}), **own}


def copied(message: Msg) -> dict[str, str]:
    """Headers of a copy of `message`.

    The server drops a second message with the same `Nats-Msg-Id`. That is wanted when a publish is
    repeated, and fatal when one attempt follows another: so the copy is named after its source.
    """
    headers = message.headers or {}
    identity, source = _identity(message), message.metadata
    return {name: value for name, value in headers.items() if not name.lower().startswith("nats-")} | {
        MESSAGE_ID: identity,
        Header.MSG_ID.value: f"{identity}:{source.stream}:{source.sequence.stream}",
    }


def delivery(message: Msg, *, requests: str) -> Delivery:
    """A message as the engine sees it; `requests` is the part of its subject before the routing key."""
    headers = message.headers or {}
    known = _lower(headers)
    return Delivery(
        body=message.data,
        id=_identity(message),
        key=headers.get(marks.ORIGINAL_KEY) or message.subject.removeprefix(requests),
        headers={name: value for name, value in headers.items() if name.lower() not in _OURS},
        content_type=known.get(CONTENT_TYPE),
        correlation_id=known.get(CORRELATION_ID),
        attempt=marks.attempt(headers),
        deliveries=message.metadata.num_delivered,
    )


def heard(message: Msg, *, events: str) -> Delivery:
    """An event that passed by; `events` is the part of its subject before the topic."""
    known = _lower(message.headers or {})
    return Delivery(
        body=message.data,
        id=_identity(message),
        key=message.subject.removeprefix(events),
        headers={name: value for name, value in (message.headers or {}).items() if name.lower() not in _OURS},
        content_type=known.get(CONTENT_TYPE),
        correlation_id=known.get(CORRELATION_ID),
    )


def _identity(message: Msg) -> str:
    known = _lower(message.headers or {})
    return known.get(MESSAGE_ID) or known.get(_MSG_ID) or sha256(message.data).hexdigest()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    # Senders write them as they like: NATS itself compares names letter by letter.
    return {name.lower(): value for name, value in headers.items()}
