"""NATS JetStream: a stream per queue, pull consumers, and the same outcomes as on RabbitMQ.

==============================  =====================================================================
``<prefix>.events.<topic>``     stream ``<prefix>_events``: kept until somebody purges it
``<prefix>.requests.<key>``     the work queue's stream, ``<queue>`` with ``_`` for ``.``
``<queue>.again``               the same stream: copies whose waiting time is over
``<queue>.wait``                stream ``<queue>_wait``: copies that wait, moved by any worker when due
``<queue>.dead``                stream ``<queue>_dead``: dead letters
==============================  =====================================================================

A subject belongs to one stream, so a routing key belongs to one queue here.

nats-py is used without FastStream, whose connection raises some errors of the server ("authorization
timeout", "maximum connections exceeded") inside the driver's own reconnection, which then ends for good;
and whose pull consumer takes messages it has no worker for, so that they expire while they wait.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial

import structlog
from nats.aio.msg import Msg
from nats.errors import BadHeaderError, BadSubjectError, Error, MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NoStreamResponseError, NotFoundError

from bridge.bus import control_headers
from bridge.bus.backoff import Patience, persist
from bridge.bus.deliveries import DeliveryRunner
from bridge.bus.nats.client import ReadingClient, answered, leave
from bridge.bus.nats.dead_letters import letters_in
from bridge.bus.nats.messages import asked_again, asking, copied, delivery, heard, outgoing
from bridge.bus.numbers import whole
from bridge.bus.port import (
    Dead,
    Delivery,
    Handler,
    HeldDeadLetter,
    QueueDepth,
    QueueSpec,
    RetryAfter,
    TooLarge,
    Unpublishable,
    Unroutable,
)
from bridge.bus.watchdog import Watchdog
from bridge.errors import Misconfigured
from bridge.observe.causes import cause_of

log = structlog.get_logger()

_CONSUMER = "worker"
_CONNECT_TIMEOUT = 5
_CONFIRM_TIMEOUT = 10.0
_CALL_TIMEOUT = 15.0
_PULL_TIMEOUT = 2.0
"""Seconds: a pull that a broken link swallowed is repeated after this."""
_LOOKS = 5
_BETWEEN_LOOKS = 0.2
"""Seconds between two looks for a worker."""
_ROOM_FOR_HEADERS = 4096
_LONGEST_NAK = 3600.0
_DUPLICATES = 120.0
"""Seconds in which the server drops a repeated publish."""

_SLOWEST = 3600

_TROUBLE = (Error, OSError, TimeoutError)
"""What a call on a connection that breaks may raise."""
_NO_MARKS: frozenset[str] = frozenset()
_FAULTS = (NotFoundError, BadRequestError, MaxPayloadError, BadHeaderError, BadSubjectError)
"""What waiting does not cure."""


class NatsBus:
    """The bus on NATS JetStream 2.10 or later.

    Args:
        url: ``nats://`` address, with user and password or a token.
        prefix: first part of every name.
        ack_wait: seconds after which the server hands a message over again when its worker says nothing;
            while a handler runs, the adapter speaks for it three times as often.
        on_lost: called once when a consumer is gone and does not come back.
        watch_interval: seconds between two looks of the watchdog.
        heartbeat: seconds between two signs of life; a link that dies without a word is noticed by them.

    Raises:
        Misconfigured: a number is out of range.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "gpconnect",
        ack_wait: float = 15.0,
        on_lost: Callable[[], None] | None = None,
        watch_interval: float = 15.0,
        heartbeat: int = 15,
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._requests = f"{prefix}.requests."
        self._ack_wait = ack_wait
        self._heartbeat = whole("heartbeat", heartbeat, most=_SLOWEST)
        self._client = ReadingClient()
        self._js: JetStreamContext = self._client.jetstream(timeout=_CONFIRM_TIMEOUT)
        self._workers: dict[str, DeliveryRunner] = {}
        self._queues: dict[str, QueueSpec] = {}
        self._held: dict[str, Msg] = {}  # by the subject that acknowledges them
        self._loops: list[asyncio.Task[None]] = []
        self._sources: list[JetStreamContext.PullSubscription] = []
        self._speaker: asyncio.Task[None] | None = None
        self._handing: set[asyncio.Task[None]] = set()
        self._watchdog = Watchdog(self._keeps_consuming, on_lost, interval=watch_interval)

    async def start(self) -> None:
        """Connect, waiting for a server that is away. Declares the stream of events."""
        patience = Patience("broker_unreachable")

        async def on_error(error: Exception) -> None:
            if self._client.is_connected:
                cause = cause_of(error)
                told = {"cause": cause.code, "detail": cause.sentence} if cause else {}
                log.warning("bus_error", error=type(error).__name__, **told)
            else:
                await patience.wait(error)

        async def on_reconnected() -> None:
            patience.renew()
            log.info("bus_reconnected", broker="nats")

        await self._client.connect(
            self._url,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0,  # `on_error` waits
            connect_timeout=_CONNECT_TIMEOUT,
            ping_interval=self._heartbeat,
            error_cb=on_error,
            reconnected_cb=on_reconnected,
        )
        events = StreamConfig(name=f"{self._prefix}_events", subjects=[f"{self._prefix}.events.>"])
        await self._have_stream(events, RetentionPolicy.LIMITS)
        self._watchdog.start()
        self._speaker = asyncio.create_task(self._speak_for_held())
        log.info("bus_connected", broker="nats")

    async def declare(self, queue: QueueSpec) -> None:
        """Make the queue, its waiting room and its dead-letter stream exist, durably.

        Raises:
            Misconfigured: another stream holds one of the subjects already.
        """
        requests = [f"{self._requests}{key}" for key in queue.keys]
        for name, subjects, retention in (
            (queue.name, [*requests, f"{queue.name}.again"], RetentionPolicy.WORK_QUEUE),
            (f"{queue.name}.wait", [f"{queue.name}.wait"], RetentionPolicy.WORK_QUEUE),
            (f"{queue.name}.dead", [f"{queue.name}.dead"], RetentionPolicy.LIMITS),
        ):
            await self._have_stream(StreamConfig(name=_stream(name), subjects=subjects), retention)
        for name in (queue.name, f"{queue.name}.wait"):
            await self._have_consumer(_stream(name))

    async def consume(self, queue: QueueSpec, handler: Handler, *, concurrency: int) -> None:
        """Start handing deliveries to `handler`, at most `concurrency` at a time. Returns at once."""
        worker = self._workers[queue.name] = DeliveryRunner(queue.name, handler, concurrency=concurrency)
        self._queues[queue.name] = queue
        work = await self._js.pull_subscribe_bind(_CONSUMER, _stream(queue.name))
        wait = await self._js.pull_subscribe_bind(_CONSUMER, _stream(f"{queue.name}.wait"))
        self._sources += [work, wait]
        self._loops += [
            asyncio.create_task(self._take_work(queue, worker, work)),
            asyncio.create_task(self._move_due(queue, wait)),
        ]
        self._watchdog.watch(queue.name)

    @property
    def largest_body(self) -> int | None:
        """``max_payload`` of the server, less what our headers may take."""
        return self._client.max_payload - _ROOM_FOR_HEADERS

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
        """Publish an event; returns when the server has stored it, retrying through an outage.

        Raises:
            Unroutable: the stream of events is gone.
            TooLarge: over ``max_payload`` of the server.
        """
        carried = outgoing(id, content_type, correlation_id, headers)
        await self._put(f"{self._prefix}.events.{topic}", body, carried, topic)

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
            TooLarge: over ``max_payload`` of the server.
        """
        carried = asking(id, content_type, correlation_id, headers, body=body)
        await self._put(f"{self._requests}{key}", body, carried, key)

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Delivery]]:
        """Every event from now on, for tools that watch: nothing is kept for a listener that is away."""
        events = f"{self._prefix}.events."
        # What the stream holds, and not what passes by: the server drops repeats of a publish there.
        subscription = await self._js.subscribe(
            f"{events}>", ordered_consumer=True, deliver_policy=DeliverPolicy.NEW
        )
        try:
            yield (heard(message, events=events) async for message in subscription.messages)
        finally:
            with contextlib.suppress(*_TROUBLE):  # the bus may have been stopped before its listener
                await subscription.unsubscribe()

    async def depth(self, queue: QueueSpec) -> QueueDepth:
        """Count what is ready, waiting and dead, by asking the server."""
        work = await self._js.consumer_info(_stream(queue.name), _CONSUMER)
        waiting = await self._js.stream_info(_stream(f"{queue.name}.wait"))
        dead = await self._js.stream_info(_stream(f"{queue.name}.dead"))
        return QueueDepth(
            ready=work.num_pending or 0, waiting=waiting.state.messages, dead=dead.state.messages
        )

    async def is_attended(self, queue: QueueSpec) -> bool:
        """Whether somebody pulls from this queue.

        A worker that has its hands full pulls no work, but it goes on minding the waiting room; and between
        two pulls it is not seen for a moment, so that one look would not do.
        """
        consumers = [_stream(name) for name in (queue.name, f"{queue.name}.wait")]
        for _ in range(_LOOKS):
            try:
                found = [await self._js.consumer_info(stream, _CONSUMER) for stream in consumers]
            except NotFoundError:
                return False
            if any(consumer.num_waiting for consumer in found):
                return True
            await asyncio.sleep(_BETWEEN_LOOKS)
        return False

    @contextlib.asynccontextmanager
    async def letters(self, queue: QueueSpec) -> AsyncIterator[AsyncIterator[HeldDeadLetter]]:
        """The dead letters of a declared queue, each once, oldest first."""

        async def put(body: bytes, headers: Mapping[str, str]) -> None:
            await self._put(f"{queue.name}.again", body, headers, queue.name, is_copy=True)

        stream = _stream(f"{queue.name}.dead")
        async with contextlib.aclosing(letters_in(self._js, stream, f"{queue.name}.dead", put)) as found:
            yield found

    async def ready(self) -> bool:
        """Whether the connection is up and every consumer that should exist does."""
        if not self._client.is_connected:
            return False
        try:
            return all([await self._is_consuming(name) for name in self._workers])
        except _TROUBLE as error:
            log.debug("bus_not_ready", error=type(error).__name__)
            return False

    async def stop(self, *, grace: float) -> None:
        """Take nothing new, finish what is in flight within `grace` seconds, disconnect."""
        await self._watchdog.stop()
        await _cancel(*self._loops)
        for source in self._sources:
            with contextlib.suppress(*_TROUBLE):  # else the server hands to us what we give back
                await source.unsubscribe()
        cancelled = await asyncio.gather(*(worker.drain(grace) for worker in self._workers.values()))
        if sum(cancelled):
            log.warning("stopped_with_work_unfinished", messages=sum(cancelled))
        await asyncio.gather(*self._handing, return_exceptions=True)
        self._loops.clear()
        self._sources.clear()
        self._workers.clear()
        if self._speaker is not None:
            await _cancel(self._speaker)
            self._speaker = None
        if self._client.is_connected:
            with contextlib.suppress(*_TROUBLE):
                await answered(self._client, timeout=_CONNECT_TIMEOUT)
        await leave(self._client)

    async def _take_work(
        self, queue: QueueSpec, worker: DeliveryRunner, source: JetStreamContext.PullSubscription
    ) -> None:
        """Pull one message for each free worker: what waits, waits at the server."""
        free = asyncio.Semaphore(worker.concurrency)
        while True:
            await free.acquire()
            message = await _next(source)
            task = asyncio.create_task(self._on_message(queue, worker, message))
            self._handing.add(task)
            task.add_done_callback(self._handing.discard)
            task.add_done_callback(lambda _: free.release())

    async def _on_message(self, queue: QueueSpec, worker: DeliveryRunner, message: Msg) -> None:
        # Senders publish to the subjects of the requests; copies of ours come by another one.
        trusted = control_headers.ALL if message.subject == f"{queue.name}.again" else _NO_MARKS
        taken = delivery(message, requests=self._requests, trusted=trusted)
        self._held[message.reply] = message
        try:
            await worker.run(taken, partial(self._settle, queue, message, taken))
        except asyncio.CancelledError:
            await message.nak()  # stopping: another worker may have it at once
            raise
        except Exception as error:  # noqa: BLE001 - no outcome could be made durable: the server keeps it
            log.warning("message_returned", queue=queue.name, error=type(error).__name__)
            await message.nak(delay=1)
        else:
            await message.ack()
        finally:
            del self._held[message.reply]

    async def _settle(
        self, queue: QueueSpec, message: Msg, taken: Delivery, outcome: RetryAfter | Dead
    ) -> None:
        if isinstance(outcome, Dead):
            target, changes = f"{queue.name}.dead", control_headers.for_dead(taken, outcome)
        else:
            target = f"{queue.name}.wait"
            changes = control_headers.for_retry(taken, outcome, now=time.time())
        headers = copied(message, trusted=_NO_MARKS) | control_headers.kept(taken.headers) | changes
        try:
            await self._put(target, message.data, headers, target, is_copy=True)
        except Unroutable:  # somebody deleted the stream while we ran
            await self.declare(queue)
            await self._put(target, message.data, headers, target, is_copy=True)

    async def _move_due(self, queue: QueueSpec, source: JetStreamContext.PullSubscription) -> None:
        """The waiting room's door: a copy goes back to work when its time has come."""
        while True:
            message = await _next(source)
            wait = control_headers.wait(message.headers or {}, time.time())
            try:
                if wait:
                    await message.nak(delay=min(wait, _LONGEST_NAK))
                else:
                    headers = copied(message)
                    again = f"{queue.name}.again"
                    await self._put(again, message.data, headers, queue.name, is_copy=True)
                    await message.ack()
            except (*_TROUBLE, Unpublishable) as error:
                log.warning("move_failed", queue=queue.name, error=type(error).__name__)

    async def _speak_for_held(self) -> None:
        """Tell the server that handlers still run, so that it hands nothing over twice."""
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            for message in tuple(self._held.values()):
                with contextlib.suppress(*_TROUBLE):  # the next round, or a redelivery that joins
                    await message.in_progress()

    async def _is_consuming(self, name: str) -> bool:
        if any(loop.done() for loop in self._loops):
            return False
        try:
            await self._js.consumer_info(_stream(name), _CONSUMER)
        except NotFoundError:
            return False
        return True

    async def _keeps_consuming(self, name: str) -> bool:
        """Whether our consumer of this queue lives; a stream that somebody deleted is made again, with it."""
        if await self._is_consuming(name):
            return True
        try:
            await self._js.stream_info(_stream(name))
        except NotFoundError:
            await self.declare(self._queues[name])
            log.error("queue_declared_again", queue=name)
        return await self._is_consuming(name)

    async def _have_stream(self, wanted: StreamConfig, retention: RetentionPolicy) -> None:
        async def have() -> None:
            try:
                found = (await self._js.stream_info(wanted.name or "")).config
            except NotFoundError:
                await self._js.add_stream(
                    wanted, retention=retention, storage=StorageType.FILE, duplicate_window=_DUPLICATES
                )
            else:
                # Limits and replicas are the operator's; only what leads here is ours.
                if set(found.subjects or ()) != set(wanted.subjects or ()):
                    await self._js.update_stream(found, subjects=wanted.subjects)

        try:
            await _persist(have, Patience("declare_retrying", stream=wanted.name or ""))
        except BadRequestError as error:
            raise Misconfigured(f"stream {wanted.name}: {error.description}") from None

    async def _have_consumer(self, stream: str) -> None:
        wanted = ConsumerConfig(
            durable_name=_CONSUMER,
            ack_wait=self._ack_wait,
            max_deliver=-1,  # at its maximum the server would drop the message without a word
            max_ack_pending=-1,  # what waits for its time counts, and must not block the rest
        )
        await _persist(
            lambda: self._js.add_consumer(stream, wanted), Patience("declare_retrying", stream=stream)
        )

    async def _put(
        self, subject: str, body: bytes, headers: Mapping[str, str], topic: str, *, is_copy: bool = False
    ) -> None:
        carried = dict(headers)
        tries = 0

        async def put() -> None:
            nonlocal carried, tries
            tries += 1
            try:
                held = await self._js.publish(subject, body, timeout=_CONFIRM_TIMEOUT, headers=carried)
                if held.duplicate and tries == 1 and not is_copy:
                    # Nothing of ours was lost on the way, so the server has dropped what somebody asks again,
                    # or what another sender named the same. A copy is named after its source, and is there.
                    carried = asked_again(carried, nonce=secrets.token_hex(8))
                    await self._js.publish(subject, body, timeout=_CONFIRM_TIMEOUT, headers=carried)
            except NoStreamResponseError:
                # Also what a cluster without a leader answers: ask before calling it unroutable.
                await self._js.find_stream_name_by_subject(subject)
                raise

        try:
            await _persist(put, Patience("publish_retrying", topic=topic))
        except NotFoundError:
            raise Unroutable(topic) from None
        except MaxPayloadError:
            raise TooLarge(topic) from None


async def _next(source: JetStreamContext.PullSubscription) -> Msg:
    """The next message of a consumer, however long it takes and whatever happens to the link."""
    patience = Patience("pull_retrying")
    while True:
        try:
            [message] = await source.fetch(1, timeout=_PULL_TIMEOUT)
        except TimeoutError:
            continue  # nothing came
        except _TROUBLE as error:
            await patience.wait(error)
        else:
            return message


async def _persist(call: Callable[[], Awaitable[object]], patience: Patience) -> None:
    await persist(call, patience, faults=_FAULTS, timeout=_CALL_TIMEOUT)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _stream(name: str) -> str:
    return name.replace(".", "_")  # a dot separates the parts of a subject
