"""The port: what the engine needs of a bus, and nothing that only one broker has.

Handlers never see broker types. A handler gets a `Delivery` and returns a `Disposition`; the adapter
makes it so, durably, before it forgets the delivery.

A bus has parts, and whoever needs one of them asks for that one alone:

====================  =================================================================================
`Publisher`           events out: all that the engine needs to tell what came of a request
`Transport`           that, requests out, and messages in
`DelayedRedelivery`   a message comes back after a while: the broker does it, or something beside it
`DeadLetterStore`     what nobody works on any more is kept, looked at, sent again, removed
`QueueInspection`     how much of what is where, and whether anybody takes it
`Bus`                 all of them, and what puts them together: each delivery gets its outcome
====================  =================================================================================

A delay queue (`DelayedRedelivery`) is ``<queue>.wait…`` in the names that brokers know: the same thing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import field
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from bridge.bus.access import Access
from bridge.values import dataclass

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
            own control headers only those that the bus has set: a sender's are no part of it.
        content_type: as sent, or None.
        correlation_id: the broker's property, or None.
        attempt: 1 for the first try; counted by us and raised by each `RetryAfter`.
        deliveries: how often the broker handed over this attempt; more than one after a crash, and after each
            connection that was lost.
        given_up: why the broker itself made it a dead letter (``delivery_limit``, ``expired``, …), when it
            is not to be worked on any more but to be told of; None of all others.
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
    """Put the message into the dead-letter queue with this reason (codes and field names only)."""

    reason: str
    detail: str = ""


Disposition = Done | RetryAfter | Dead
DeliveryHandler = Callable[[Delivery], Awaitable[Disposition]]


@runtime_checkable
class NamesRequests(Protocol):
    """A handler that can say which request a delivery is about, also one that is not handed to it.

    A bus reads no bodies: what it logs of a message names the request only where its handler does.
    """

    def about(self, delivery: Delivery) -> AbstractContextManager[None]:
        """Around what is logged of a delivery. Never raises."""


def about(handler: DeliveryHandler, delivery: Delivery) -> AbstractContextManager[None]:
    """Around what is logged of a delivery: its lines name the request, if its handler knows it."""
    return handler.about(delivery) if isinstance(handler, NamesRequests) else nullcontext()


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A work queue and what belongs to it.

    Attributes:
        name: e.g. ``gpconnect.structured_record``.
        keys: routing keys on the request exchange that lead here, e.g. ``record.requested.v1``.
        topics: of events that lead here too, from the declaration on; ``*`` stands for one word.
        in_order: one process at a time takes from it, and what that one leaves unfinished is handed to the
            next before all that came later. What waits in a delay queue comes back whenever it is due.
    """

    name: str
    keys: Sequence[str] = ()
    topics: Sequence[str] = ()
    in_order: bool = False

    @property
    def dead_letters(self) -> str:
        """Name of the queue of its dead letters."""
        return f"{self.name}.dead"


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
        message: as it was delivered; its headers hold the control headers as well.
        reason: the code of `Dead.reason`, or the broker's own.
        detail: of `Dead.detail`.
        dead_at: when it died; None when the broker does not say.
    """

    id: str
    message: Delivery
    reason: str
    detail: str = ""
    dead_at: datetime | None = None


class HeldDeadLetter(Protocol):
    """A dead letter in the hand: it stays where it is unless it is removed."""

    @property
    def dead_letter(self) -> DeadLetter:
        """What it is."""

    async def send_again(self, job: str) -> None:
        """Put a copy, with a fresh count of attempts, at the end of its work queue; the dead letter stays.

        Returns when the broker holds the copy durably. `job` is noted in its headers.
        """

    async def remove(self) -> None:
        """Take the dead letter away for good; only while it is the one that the iteration gave last."""


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


class NewEvent(Protocol):
    """An event that goes out, whoever made it."""

    @property
    def topic(self) -> str:
        """What kind it is: its routing key."""

    @property
    def id(self) -> str:
        """By which readers remove repeats."""

    @property
    def body(self) -> bytes:
        """As it is published."""

    @property
    def content_type(self) -> str:
        """Of the body."""


@runtime_checkable
class PublishesSeveral(Protocol):
    """A bus that takes several events at once: ours do, one of another package need not."""

    async def publish_together(
        self, events: Sequence[NewEvent], *, correlation_id: str | None
    ) -> Sequence["Unpublishable | None"]:
        """Publish events in this order; returns when the broker holds each durably, or never will.

        As `Publisher.publish`, without waiting for one before the next is written. For each event: None, or
        why the broker never takes it, which keeps none of the others from being published.
        """


@runtime_checkable
class NamesBroker(Protocol):
    """A bus that says which broker it is on: ours do, one of another package need not."""

    @property
    def broker(self) -> str:
        """Which broker it is, as the log and traces call it: a word, such as ``rabbitmq``."""


def broker_of(bus: object) -> str:
    """Which broker a bus is on, as traces call it; of one that does not say, ``unnamed``."""
    return bus.broker if isinstance(bus, NamesBroker) else "unnamed"


class Received(Protocol):
    """A message in the hand: the broker keeps it until it is acknowledged."""

    @property
    def delivery(self) -> Delivery:
        """What it says."""

    async def acknowledge(self) -> None:
        """Let the broker forget it: what became of it is durable."""

    async def hand_back(self) -> None:
        """Let the broker hand it over again, to whoever is there, in about a second."""

    async def copy_to(self, queue: str, headers: Mapping[str, str]) -> None:
        """Put a copy, all that its sender wrote and these control headers, into the queue of that name.

        Returns when the broker holds the copy durably.

        Raises:
            Unroutable: there is no such queue.
            TooLarge: the broker's limit is below the size of the copy.
        """


Take = Callable[[Received], Awaitable[None]]
"""What is done with each message that is received: it is acknowledged or handed back when this returns."""


class Lifecycle(Publisher, Protocol):
    """What is made, watched and ended, whoever takes from it."""

    async def declare(self, queue: QueueSpec) -> None:
        """Make the queue, its delay queues and its dead-letter queue exist, durably.

        Raises:
            Misconfigured: something of that name exists and is made otherwise.
        """

    async def ready(self) -> bool:
        """Whether the connection is up and every consumer that should exist does."""

    async def stop(self, *, grace: float) -> None:
        """Take nothing new, finish what is in flight within `grace` seconds, disconnect."""


class WorkerBus(Lifecycle, Protocol):
    """What a running worker needs of a bus, with or without a broker (`bridge.testing`)."""

    async def consume(self, queue: QueueSpec, handler: DeliveryHandler, *, concurrency: int) -> None:
        """Start handing deliveries to `handler`, at most `concurrency` at a time. Returns at once.

        A handler that raises is treated as ``RetryAfter`` with reason ``internal``.
        """


class Transport(Lifecycle, Protocol):
    """Messages out and in. One instance per process; start, declare, receive, stop."""

    async def try_connection(self, *, with_rights: bool) -> None:
        """Connect once, log in, and close the connection: before any start, and nothing is left behind.

        Args:
            with_rights: whether each right that a worker needs is tried as well.

        Raises:
            NoConnection: ``no_rights``, with the first right that the user lacks.
            Exception: the driver's own, of whatever keeps it from connecting.
        """

    async def start(self) -> None:
        """Connect, waiting for a broker that is away. Declares the two exchanges (or streams)."""

    async def receive(self, queue: QueueSpec, take: Take, *, concurrency: int) -> None:
        """Start giving messages of a declared queue to `take`, `concurrency` at a time. Returns at once."""

    async def send(
        self,
        key: str,
        body: bytes,
        *,
        id: str,  # noqa: A002 - the field's own name
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


class DelayedRedelivery(Protocol):
    """Brings a message back after a while."""

    async def redeliver(self, queue: QueueSpec, received: Received, outcome: RetryAfter) -> None:
        """Have the message handed over again, as its next attempt, after at least the time of `outcome`.

        Returns when that is durable; the message is still to be acknowledged.

        Raises:
            Unroutable: what the queue needs for it is gone; see `Transport.declare`.
        """


class DeadLetterStore(Protocol):
    """Keeps what nobody works on any more."""

    async def keep_dead(self, queue: QueueSpec, received: Received, outcome: Dead) -> None:
        """Keep the message as a dead letter of the queue, with its reason.

        Returns when that is durable; the message is still to be acknowledged.

        Raises:
            Unroutable: what the queue needs for it is gone; see `Transport.declare`.
        """

    def dead_letters(self, queue: QueueSpec) -> AbstractAsyncContextManager[AsyncIterator[HeldDeadLetter]]:
        """The dead letters of a declared queue, each once, oldest first.

        A second look at the same time, from wherever, may miss what the first one holds.
        """


class QueueInspection(Protocol):
    """What can be asked about a queue."""

    async def depth(self, queue: QueueSpec) -> QueueDepth:
        """Count what is ready, waiting and dead."""

    async def is_attended(self, queue: QueueSpec) -> bool:
        """Whether a worker of any process takes from this queue; False when there is no such queue."""


class Bus(Transport, DelayedRedelivery, DeadLetterStore, QueueInspection, WorkerBus, Protocol):
    """A message bus: its parts, put together."""


class BusFactory(Protocol):
    """What an entry point of the group ``gpconnect_bridge.buses`` names; its own name is a scheme of URLs.

    A class with such a constructor is one; what brokers have in common is in `bridge.bus.base.BrokerBus`.
    """

    def __call__(self, url: str, *, prefix: str, on_lost: Callable[[], None] | None) -> Bus:
        """A bus that has not been started; nothing is connected yet.

        Args:
            url: ``BRIDGE_BUS_URL`` as it is set, user and password included.
            prefix: ``BRIDGE_BUS_PREFIX``, the first part of every name on the broker.
            on_lost: to be called once when a consumer is gone and does not come back: the process ends then.

        Raises:
            Misconfigured: the URL says something that the broker does not take.
        """


class SignedBusFactory(Protocol):
    """A `BusFactory` that also takes what the settings say of certificates and passwords."""

    def __call__(self, url: str, *, prefix: str, on_lost: Callable[[], None] | None, access: Access) -> Bus:
        """As `BusFactory`.

        Args:
            url: likewise, and there may be no password in it.
            prefix: likewise.
            on_lost: likewise.
            access: whom to trust, and how to prove who we are.

        Raises:
            Misconfigured: likewise.
        """


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
