"""What every broker's bus has in common: how a delivery gets its outcome, and how a process starts and stops.

A broker's own class says what only that broker is: how to connect, receive, copy and count. What is done with
a message, in which order, is written once, here:

==================  ============================================================================
done                acknowledged
to be tried again   a copy in a delay queue, then acknowledged
dead                a copy among the dead letters, then acknowledged
none of it          handed back: no outcome could be made durable, so the broker keeps the message
==================  ============================================================================
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import ClassVar, final

from bridge.bus import control_headers
from bridge.bus.backoff import Backoff, persist
from bridge.bus.deliveries import DeliveryRunner
from bridge.bus.numbers import whole
from bridge.bus.port import (
    Bus,
    Dead,
    Delivery,
    DeliveryHandler,
    NewEvent,
    QueueSpec,
    Received,
    RetryAfter,
    Unpublishable,
    Unroutable,
)
from bridge.bus.watchdog import Watchdog
from bridge.observe import record
from bridge.observe.spans import publishing, publishing_together
from bridge.observe.vocabulary.bus import BusConnected, MessageReturned, StoppedWithWorkUnfinished
from bridge.values import dataclass

_MOST_IN_HAND = 2**16 - 1
"""The largest prefetch that AMQP can say."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message of our own; see `Transport.publish` for the fields."""

    body: bytes
    id: str
    content_type: str
    correlation_id: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class QueueConsumer:
    """A queue that is consumed, and what its deliveries are given to."""

    queue: QueueSpec
    runner: DeliveryRunner


class BrokerBus(Bus, ABC):
    """A `Bus` on a broker; what is not here its own class must have.

    Args:
        on_lost: called once when a consumer is gone and does not come back.
        watch_interval: seconds between two looks of the watchdog.
    """

    broker: ClassVar[str]
    """Its name in the log and in traces."""
    faults: ClassVar[tuple[type[Exception], ...]]
    """Errors of the driver that waiting does not cure."""

    def __init__(self, *, on_lost: Callable[[], None] | None, watch_interval: float) -> None:
        self._consumers: dict[str, QueueConsumer] = {}
        self._watchdog = Watchdog(on_lost, interval=watch_interval)

    @final
    async def start(self) -> None:
        """Connect, waiting for a broker that is away. Declares what events and requests are published to."""
        await self._connect()
        self._watchdog.start(self._is_consuming)
        record(BusConnected(self.broker))

    async def consume(self, queue: QueueSpec, handler: DeliveryHandler, *, concurrency: int) -> None:
        """Start handing deliveries to `handler`, at most `concurrency` at a time. Returns at once."""
        whole("concurrency", concurrency, most=_MOST_IN_HAND)
        runner = DeliveryRunner(queue.name, handler, concurrency=concurrency)
        consumer = self._consumers[queue.name] = QueueConsumer(queue, runner)
        await self.receive(queue, partial(self._work_on, consumer), concurrency=concurrency)
        self._watchdog.watch(queue.name)

    @final
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
        """Publish an event; returns when the broker has confirmed it, retrying through an outage.

        Raises:
            Unroutable: nothing holds events of `topic`.
            TooLarge: the broker's limit is below the size of `body`.
        """
        with publishing(self.broker, topic, id=id, size=len(body), correlation_id=correlation_id) as traced:
            message = Outgoing(body, id, content_type, correlation_id, {**(headers or {}), **traced.headers})
            try:
                await self._put_event(topic, message)
            except Unpublishable as fault:
                traced.span.failed(fault.reason)
                raise

    @final
    async def publish_together(
        self, events: Sequence[NewEvent], *, correlation_id: str | None
    ) -> Sequence[Unpublishable | None]:
        """Publish events in this order, where the broker allows it without waiting for one before the next.

        Returns when the broker has confirmed each, retrying through an outage, or will never take it.
        """
        with publishing_together(self.broker, events, correlation_id=correlation_id) as traced:
            faults = await self._put_events(
                [
                    (event.topic, Outgoing(event.body, event.id, event.content_type, correlation_id, headers))
                    for event, (_, headers) in zip(events, traced, strict=True)
                ]
            )
            for (span, _), fault in zip(traced, faults, strict=True):
                if fault is not None:
                    span.failed(fault.reason)
        return faults

    @final
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
        """Put a request on the bus, as a hospital system would.

        Raises:
            Unroutable: no pipeline takes requests with this key.
            TooLarge: the broker's limit is below the size of `body`.
        """
        await self._put_request(key, Outgoing(body, id, content_type, correlation_id, headers or {}))

    async def redeliver(self, queue: QueueSpec, received: Received, outcome: RetryAfter) -> None:
        """Put a copy into a delay queue, as the next attempt."""
        headers = control_headers.for_retry(received.delivery, outcome, now=time.time())
        await received.copy_to(self._delay_queue(queue, outcome.seconds), headers)

    async def keep_dead(self, queue: QueueSpec, received: Received, outcome: Dead) -> None:
        """Put a copy among the dead letters."""
        await received.copy_to(queue.dead_letters, control_headers.for_dead(received.delivery, outcome))

    @final
    async def stop(self, *, grace: float) -> None:
        """Take nothing new, finish what is in flight within `grace` seconds, disconnect."""
        until = time.monotonic() + grace
        await self._watchdog.stop()
        await self._stop_receiving()  # which takes a while where the broker is silent
        left = max(0.0, until - time.monotonic())
        runners = [consumer.runner for consumer in self._consumers.values()]
        cancelled = await asyncio.gather(*(runner.drain(left) for runner in runners))
        if sum(cancelled):
            record(StoppedWithWorkUnfinished(sum(cancelled)))
        self._consumers.clear()
        await self._disconnect()

    async def _work_on(self, consumer: QueueConsumer, received: Received) -> None:
        settle = partial(self._settle, consumer.queue, received)
        await self._acknowledge_after(
            consumer.queue, received, consumer.runner.run(received.delivery, settle)
        )

    async def _acknowledge_after(self, queue: QueueSpec, received: Received, work: Awaitable[None]) -> None:
        """Acknowledge a message when the work on it has made its outcome durable; else hand it back."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - no outcome could be made durable: the broker keeps it
            with self._about(queue, received.delivery):
                record(MessageReturned(queue.name, type(error).__name__))
            await received.hand_back()
        else:
            await received.acknowledge()

    def _about(self, queue: QueueSpec, delivery: Delivery) -> AbstractContextManager[None]:
        """Around what is logged of a delivery, as the handler of its queue names it, if there is one."""
        consumer = self._consumers.get(queue.name)
        return consumer.runner.about(delivery) if consumer else nullcontext()

    async def _settle(self, queue: QueueSpec, received: Received, outcome: RetryAfter | Dead) -> None:
        try:
            await self._make_durable(queue, received, outcome)
        except Unroutable:  # somebody deleted the queue while we ran
            await self.declare(queue)
            await self._make_durable(queue, received, outcome)

    async def _make_durable(self, queue: QueueSpec, received: Received, outcome: RetryAfter | Dead) -> None:
        if isinstance(outcome, Dead):
            await self.keep_dead(queue, received, outcome)
        else:
            await self.redeliver(queue, received, outcome)

    async def _persist(self, call: Callable[[], Awaitable[object]], action: str, **context: str) -> None:
        """Make a call on the broker until it succeeds, or meets one of `faults`; see `persist`."""
        await persist(call, Backoff(action, **context), faults=self.faults)

    @abstractmethod
    async def _connect(self) -> None: ...

    @abstractmethod
    async def _stop_receiving(self) -> None:
        """Take nothing new; what was taken goes on."""

    @abstractmethod
    async def _disconnect(self) -> None: ...

    @abstractmethod
    async def _is_consuming(self, name: str) -> bool:
        """Whether our consumer of this queue lives. A queue that somebody deleted is declared again."""

    @abstractmethod
    async def _put_event(self, topic: str, message: Outgoing) -> None: ...

    async def _put_events(self, messages: Sequence[tuple[str, Outgoing]]) -> Sequence[Unpublishable | None]:
        """One after the other, where the broker has no better way."""
        faults: list[Unpublishable | None] = []
        for topic, message in messages:
            try:
                await self._put_event(topic, message)
                faults.append(None)
            except Unpublishable as fault:
                faults.append(fault)
        return faults

    @abstractmethod
    async def _put_request(self, key: str, message: Outgoing) -> None: ...

    @abstractmethod
    def _delay_queue(self, queue: QueueSpec, seconds: float) -> str:
        """Name of the queue that a copy comes back out of after `seconds`, or earlier to be put off again."""
