"""What a message looks like on NATS, whose headers are text and whose properties are headers too."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from nats.aio.msg import Msg
from nats.js.api import Header

from bridge.bus import control_headers
from bridge.bus.base import Outgoing
from bridge.bus.nats.attributes import decoded, encoded
from bridge.bus.port import Delivery

MESSAGE_ID = "x-message-id"
"""The id of a message, where its `Nats-Msg-Id` is not: the server drops a second one of that name."""
CONTENT_TYPE = "content-type"
CORRELATION_ID = "x-correlation-id"
_MSG_ID = "nats-msg-id"
_NO_HEADERS: frozenset[str] = frozenset()
_OURS = frozenset({MESSAGE_ID, CONTENT_TYPE, CORRELATION_ID, _MSG_ID, "nats-expected-stream"})


PutBytes = Callable[[str, bytes, Mapping[str, str]], Awaitable[None]]
"""Publishes a copy, its body and headers, to a subject, confirmed."""


class NatsReceived:
    """A message that was handed over and is neither acknowledged nor given up.

    Args:
        message: as the driver has it.
        requests: the part of a request's subject before its routing key.
        trusted: the control headers that count on it.
        put: for its copies.
    """

    def __init__(self, message: Msg, requests: str, trusted: frozenset[str], put: PutBytes) -> None:
        self._message, self._put = message, put
        self.delivery: Delivery = delivery(message, requests=requests, trusted=trusted)

    async def acknowledge(self) -> None:
        """Acknowledge it."""
        await self._message.ack()

    async def hand_back(self) -> None:
        """Let the server hand it over again in a second."""
        await self._message.nak(delay=1)

    async def hand_back_at_once(self) -> None:
        """Let another worker have it now."""
        await self._message.nak()

    async def copy_to(self, queue: str, headers: Mapping[str, str]) -> None:
        """Publish a copy to the subject of that queue."""
        kept = control_headers.kept(self.delivery.headers)
        carried = copied(self._message, trusted=_NO_HEADERS) | kept | dict(headers)
        await self._put(queue, self._message.data, carried)


def of_an_event(message: Outgoing) -> dict[str, str]:
    """Headers of an event of our own."""
    own = {Header.MSG_ID.value: message.id, CONTENT_TYPE: message.content_type}
    if message.correlation_id is not None:
        own[CORRELATION_ID] = message.correlation_id
    return {**encoded(message.headers), **own}


def of_a_request(message: Outgoing) -> dict[str, str]:
    """Headers of a request, which the server knows by all it says: two senders may use one id."""
    own = of_an_event(message)
    said = "\n".join(f"{name}:{own[name]}" for name in sorted(own)).encode()
    name = sha256(len(said).to_bytes(8) + said + message.body).hexdigest()
    return own | {MESSAGE_ID: message.id, Header.MSG_ID.value: name}


def is_named_by_content(headers: Mapping[str, str]) -> bool:
    """Whether the server knows it by a digest of all it says, and not by its id alone."""
    return headers.get(MESSAGE_ID, headers[Header.MSG_ID.value]) != headers[Header.MSG_ID.value]


def sent_again(headers: Mapping[str, str], *, nonce: str) -> dict[str, str]:
    """The same headers under a name of their own, for what the server took for a repeat; its id stays."""
    name = headers[Header.MSG_ID.value]
    return {MESSAGE_ID: name, **headers, Header.MSG_ID.value: f"{name}:{nonce}"}


def copied(message: Msg, *, trusted: frozenset[str] = control_headers.ALL) -> dict[str, str]:
    """Headers of a copy of `message`, the trusted control headers among them.

    The server drops a second message with the same `Nats-Msg-Id`. That is wanted when a publish is
    repeated, and fatal when one attempt follows another: so the copy is named after its source.
    """
    source = message.metadata
    headers = copied_from(
        message.headers or {},
        message.data,
        stream=source.stream,
        sequence=source.sequence.stream,
        at=source.timestamp,
    )
    return {
        name: value for name, value in headers.items() if name in trusted or name not in control_headers.ALL
    }


def copied_from(
    headers: Mapping[str, str], body: bytes, *, stream: str, sequence: int, at: datetime | None
) -> dict[str, str]:
    """Headers of a copy of the message that stands there in a stream since then.

    A stream that was deleted and made again counts from 1 again, hence the time.
    """
    identity = _identity(headers, body)
    known = _lower(headers)
    unnamed = {} if known.get(MESSAGE_ID) or known.get(_MSG_ID) else {control_headers.UNNAMED: "true"}
    since = at.isoformat() if at else ""
    return {name: value for name, value in headers.items() if not name.lower().startswith("nats-")} | {
        MESSAGE_ID: identity,
        Header.MSG_ID.value: f"{identity}:{stream}:{sequence}:{since}",
        **unnamed,
    }


def delivery(message: Msg, *, requests: str, trusted: frozenset[str]) -> Delivery:
    """A message as the engine sees it.

    Args:
        message: as it was handed over.
        requests: the part of its subject before the routing key.
        trusted: the control headers that count on it: all on a copy that the bus put to work again, none of
            a sender's.
    """
    headers = message.headers or {}
    known = {
        name: value for name, value in headers.items() if name in trusted or name not in control_headers.ALL
    }
    return replace(
        stored(known, message.data, key=message.subject.removeprefix(requests)),
        deliveries=message.metadata.num_delivered,
    )


def stored(headers: Mapping[str, str], body: bytes, *, key: str) -> Delivery:
    """A message as it stands in a stream; `key` is its routing key when no header names another."""
    known = _lower(headers)
    return Delivery(
        body=body,
        id=_identity(headers, body),
        is_named=bool(known.get(MESSAGE_ID) or known.get(_MSG_ID)) and control_headers.UNNAMED not in headers,
        key=headers.get(control_headers.ORIGINAL_KEY) or key,
        headers=decoded({name: value for name, value in headers.items() if name.lower() not in _OURS}),
        content_type=known.get(CONTENT_TYPE),
        correlation_id=known.get(CORRELATION_ID),
        attempt=control_headers.attempt(headers),
    )


def heard(message: Msg, *, events: str) -> Delivery:
    """An event that passed by; `events` is the part of its subject before the topic."""
    known = _lower(message.headers or {})
    return Delivery(
        body=message.data,
        id=_identity(message.headers or {}, message.data),
        key=message.subject.removeprefix(events),
        headers=decoded(
            {name: value for name, value in (message.headers or {}).items() if name.lower() not in _OURS}
        ),
        content_type=known.get(CONTENT_TYPE),
        correlation_id=known.get(CORRELATION_ID),
    )


def _identity(headers: Mapping[str, str], body: bytes) -> str:
    known = _lower(headers)
    return known.get(MESSAGE_ID) or known.get(_MSG_ID) or sha256(body).hexdigest()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    # Senders write them as they like: NATS itself compares names letter by letter.
    return {name.lower(): value for name, value in headers.items()}
