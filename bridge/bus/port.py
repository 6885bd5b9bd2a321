"""The port: what the engine needs of a bus, and nothing that only one broker has.

Handlers never see broker types. A handler gets a `Delivery` and returns an `Outcome`; the adapter
makes it so, durably, before it forgets the delivery.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

EXPIRED: Final = "expired"
"""Why a broker gives up a message whose sender let it live for some time only (`Delivery.given_up`)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it was delivered.

    Attributes:
        body: the bytes, unread.
        id: the sender's message id, or a hash of the body when it set none: stable over redelivery.
        is_named: whether the sender set an id: two messages of one body are told apart by nothing else.
        key: routing key or subject the message came by.
        headers: application headers as text; binary-mode CloudEvents attributes are among them. Of the bus's
            own marks only those that the bus has set: a sender's are no part of it.
        content_type: as sent, or None.
        correlation_id: the broker's property, or None.
        attempt: 1 for the first try; counted by us and raised by each `RetryAfter`.
        deliveries: how often the broker handed over this attempt; more than one after a crash, and after each
            connection that was lost.
        given_up: why the broker itself had parked it (``delivery_limit``, ``expired``, …), when it is not to
            be worked on any more but to be told of; None of all others.
    """

    body: bytes
    id: str
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    correlation_id: str | None = None
    attempt: int = 1
    deliveries: int = 1
    is_named: bool = True
    given_up: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """Everything that had to be published was, and is durable."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Give the message back after at least `seconds`; `reason` is a code for the headers and the log.

    `is_bounded`: the handler itself sees to it that this comes to an end: the fuse of the bus is not for it.
    `is_fault`: the try ended with an error nobody foresaw; how many did is told the next one.
    """

    seconds: float
    reason: str
    is_bounded: bool = False
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """Park the message in the dead-letter queue with this reason (codes and field names only)."""

    reason: str
    detail: str = ""


Outcome = Done | RetryAfter | Dead
Handler = Callable[[Delivery], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A work queue and what belongs to it.

    Attributes:
        name: e.g. ``gpconnect.structured_record``. Waiting rooms are ``<name>.wait.<delay>``, dead
            letters ``<name>.dead``.
        keys: routing keys on the request exchange that lead here, e.g. ``record.requested.v1``.
    """

    name: str
    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Messages of one pipeline by where they are; the numbers of the broker itself."""

    ready: int
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message among the dead letters, and why it is there.

    Attributes:
        id: the same at every look; copies of one message that died at the same moment share it.
        message: as it was delivered; its headers hold the marks as well.
        reason: the code of `Dead.reason`, or the broker's own.
        detail: of `Dead.detail`.
        dead_at: when it was parked; None when the broker does not say.
    """

    id: str
    message: Delivery
    reason: str
    detail: str = ""
    dead_at: datetime | None = None


class HeldDeadLetter(Protocol):
    """A dead letter in the hand: it stays where it is unless it is removed."""

    @property
    def letter(self) -> DeadLetter:
        """What it is."""

    async def send_again(self, job: str) -> None:
        """Put a copy, with a fresh count of attempts, at the end of its work queue; the letter stays.

        Returns when the broker holds the copy durably. `job` is noted in its headers.
        """

    async def remove(self) -> None:
        """Take the letter away for good; only while it is the one that the iteration gave last."""


class Publisher(Protocol):
    """Where events go out."""

    @property
    def largest_body(self) -> int | None:
        """Bytes of a body that the broker takes; None when it does not say."""

    async def publish(
        self,
        topic: str,
        body: bytes,
        *,
        id: str,  # noqa: A002 - the field's own name
        content_type: str,
        correlation_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Publish an event; returns when the broker holds it durably, retrying through an outage.

        Raises:
            Unroutable: no queue is bound for `topic`: a configuration fault, never retried.
            TooLarge: the broker's limit is below the size of `body`.
        """


class Bus(Publisher, Protocol):
    """A message bus. One instance per process; start, declare, consume, stop."""

    async def start(self) -> None:
        """Connect, waiting for a broker that is away. Declares the two exchanges (or streams)."""

    async def declare(self, queue: QueueSpec) -> None:
        """Make the queue, its waiting rooms and its dead-letter queue exist, durably.

        Raises:
            Misconfigured: something of that name exists and is made otherwise.
        """

    async def consume(self, queue: QueueSpec, handler: Handler, *, concurrency: int) -> None:
        """Start handing deliveries to `handler`, at most `concurrency` at a time. Returns at once.

        A handler that raises is treated as ``RetryAfter`` with reason ``internal``.
        """

    async def send(
        self,
        key: str,
        body: bytes,
        *,
        id: str,  # noqa: A002
        content_type: str,
        correlation_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Put a request on the request exchange, as a hospital system would.

        Raises:
            Unroutable: no pipeline takes requests with this key.
            TooLarge: the broker's limit is below the size of `body`.
        """

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Every event from now on, for tools that watch: nothing is kept for a listener that is away."""

    async def depth(self, queue: QueueSpec) -> QueueDepth:
        """Count what is ready, waiting and dead, by asking the broker."""

    async def is_attended(self, queue: QueueSpec) -> bool:
        """Whether a worker of any process takes from this queue; False when there is no such queue."""

    def letters(self, queue: QueueSpec) -> AbstractAsyncContextManager[AsyncIterator[HeldDeadLetter]]:
        """The dead letters of a declared queue, each once, oldest first.

        A second look at the same time, from wherever, may miss what the first one holds.
        """

    async def ready(self) -> bool:
        """Whether the connection is up and every consumer that should exist does."""

    async def stop(self, *, grace: float) -> None:
        """Take nothing new, finish what is in flight within `grace` seconds, disconnect."""


class Unpublishable(Exception):  # noqa: N818 - what the message is
    """The broker will never take this message; sending it again gives the same answer.

    `reason` is its code, for headers and the log.
    """

    reason = "unpublishable"

    def __init__(self, topic: str, why: str) -> None:
        super().__init__(f"{why}: topic {topic!r}")
        self.topic = topic


class Unroutable(Unpublishable):
    """No queue is bound for this topic; publishing it would lose it."""

    reason = "unroutable"

    def __init__(self, topic: str) -> None:
        super().__init__(topic, "no queue is bound")


class TooLarge(Unpublishable):
    """The body is larger than the broker's limit (NATS: ``max_payload``)."""

    reason = "too_large"

    def __init__(self, topic: str) -> None:
        super().__init__(topic, "larger than the broker takes")
