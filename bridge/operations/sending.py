"""Putting a request on the bus as a hospital system would, and reading what comes of it."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import field
from typing import Any, Final, Literal, Protocol, Self
from uuid import uuid4

import orjson

from bridge.bus import open_bus
from bridge.bus.port import Delivery, QueueInspection, Transport, Unpublishable
from bridge.contracts.appointment_events import APPOINTMENT_IN_DOUBT, APPOINTMENT_REFUSED
from bridge.contracts.envelope import JSON, STRUCTURED
from bridge.contracts.events import REQUEST_FAILED, REQUEST_REJECTED
from bridge.contracts.patient_events import REGISTRATION_IN_DOUBT, REGISTRATION_REFUSED
from bridge.operations.errors import OperationRefused
from bridge.pipelines.installed import installed_pipelines
from bridge.settings import Settings
from bridge.values import dataclass

_DEFAULT_KEY: Final = "record.requested.v1"
_KIND_PARTS: Final = 3  # <subject>.<verb>.v1
_NO: Final = frozenset({REQUEST_FAILED, REQUEST_REJECTED, APPOINTMENT_REFUSED, REGISTRATION_REFUSED})
_NOT_YET: Final = frozenset({APPOINTMENT_IN_DOUBT, REGISTRATION_IN_DOUBT})


class Unattended(OperationRefused):
    """No worker takes such requests; nothing was sent."""

    def __init__(self, key: str) -> None:
        super().__init__(f"nothing sent: no worker takes {key}")
        self.key = key


class NotTaken(OperationRefused):
    """The bus does not take the request."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the bus does not take the request ({reason})")


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request that is to be sent.

    Attributes:
        key: its routing key.
        id: of the message: the CloudEvent's own, else a new one.
        correlation_id: by which its events are known.
        content_type: of a CloudEvent, or of its data alone.
        body: the JSON.
    """

    key: str
    id: str
    correlation_id: str
    content_type: str
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, body: bytes, *, type_prefix: str, key: str | None = None) -> Self:
        """A request as JSON: a CloudEvent, or its data alone.

        Args:
            body: the JSON.
            type_prefix: ``BRIDGE_EVENTS_TYPE_PREFIX``.
            key: routing key; None: the end of the CloudEvent's type, or that of a record.

        Raises:
            orjson.JSONDecodeError: it is no JSON.
        """
        content = orjson.loads(body)
        event = content if isinstance(content, dict) and "specversion" in content else {}
        request_id = str(event.get("id") or uuid4())
        return cls(
            key=key or _key_of(str(event.get("type") or _DEFAULT_KEY), type_prefix),
            id=request_id,
            correlation_id=str(event.get("correlationid") or request_id),
            content_type=STRUCTURED if event else JSON,
            body=body,
        )


@dataclass(frozen=True, slots=True)
class HeardEvent:
    """One event about a request.

    Attributes:
        event: the CloudEvent.
        so_far: ``open``: others follow; ``done``: it was the last one; ``no``: that too, and the request
            failed, was rejected, or what it asks for was refused.
    """

    event: Mapping[str, Any] = field(repr=False)
    so_far: Literal["open", "done", "no"]


class AskedBus(Transport, QueueInspection, Protocol):
    """A bus as somebody needs it who sends requests."""


class RequestSender:
    """Sends requests, and hears every event since it was opened (`open_sender`)."""

    def __init__(self, bus: AskedBus, events: AsyncIterator[Delivery], *, prefix: str) -> None:
        self._bus = bus
        self._events = events
        self._prefix = prefix

    async def send(self, request: OutgoingRequest, *, unattended: bool = False) -> None:
        """Put a request on the bus.

        Args:
            request: which.
            unattended: send it though no worker runs: it waits on the bus for one.

        Raises:
            Unattended: no worker takes such requests, and nothing was sent.
            NotTaken: the bus does not take it.
        """
        if not unattended and not await self._is_attended(request.key):
            raise Unattended(request.key)
        try:
            await self._bus.send(
                request.key,
                request.body,
                id=request.id,
                content_type=request.content_type,
                correlation_id=request.correlation_id,
            )
        except Unpublishable as fault:
            raise NotTaken(fault.reason) from None

    async def answers(self, correlation_id: str) -> AsyncGenerator[HeardEvent, None]:
        """The events about a request as they come, to the last one; for as long as it takes."""
        async for delivery in self._events:
            if delivery.correlation_id == correlation_id:
                answer = _answer(delivery)
                yield answer
                if answer.so_far != "open":
                    return

    async def _is_attended(self, key: str) -> bool:
        """Whether a worker takes requests with this key; of a key that is none of ours the bus must say."""
        takers = [one for one in installed_pipelines() if any(o.accepts == key for o in one.operations)]
        return all([await self._bus.is_attended(taker.queue(self._prefix)) for taker in takers])


@asynccontextmanager
async def open_sender(settings: Settings) -> AsyncIterator[RequestSender]:
    """The bus of this installation, for whoever sends requests.

    Raises:
        Misconfigured: the bus cannot be used.
    """
    async with open_bus(settings, join=True) as bus, bus.listen() as events:
        yield RequestSender(bus, events, prefix=settings.bus.prefix)


def _answer(delivery: Delivery) -> HeardEvent:
    event = orjson.loads(delivery.body)
    if delivery.key in _NO:
        return HeardEvent(event, "no")
    # Messages of renderings are not counted: they have no `sequence`.
    number, slash, total = event.get("sequence", "").partition("/")
    is_last = bool(slash) and number == total and delivery.key not in _NOT_YET
    return HeardEvent(event, "done" if is_last else "open")


def _key_of(event_type: str, prefix: str) -> str:
    """What follows our own prefix in a type; of a type with another one its last parts."""
    if event_type.startswith(f"{prefix}."):
        return event_type.removeprefix(f"{prefix}.")
    return ".".join(event_type.split(".")[-_KIND_PARTS:])
