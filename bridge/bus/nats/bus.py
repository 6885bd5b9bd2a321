"""NATS JetStream: a stream per queue, pull consumers, and the same outcomes as on RabbitMQ.

Which subject is in which stream: `bridge.bus.nats.streams`.

Messages are pulled when there is a worker for them, never before: they would expire while they wait.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from nats.aio.msg import Msg
from nats.errors import BadHeaderError, BadSubjectError, MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import DeliverPolicy
from nats.js.errors import BadRequestError, NotFoundError

from bridge.addresses import each_address, place_of
from bridge.bus import control_headers
from bridge.bus.access import AS_THE_URL_SAYS, Access
from bridge.bus.administered import TopologyFound
from bridge.bus.backoff import CONFIRM_TIMEOUT, Backoff
from bridge.bus.base import BrokerBus, Outgoing
from bridge.bus.condition import BusCondition
from bridge.bus.nats.beginning import KEPT, may_begin
from bridge.bus.nats.capacity import Capacity
from bridge.bus.nats.checking import as_requests, faults_of
from bridge.bus.nats.client import ReadingClient, answered, leave
from bridge.bus.nats.condition import condition_of
from bridge.bus.nats.consumers import declare_consumer, is_usable
from bridge.bus.nats.dead_letters import dead_letters_in
from bridge.bus.nats.elsewhere import Elsewhere
from bridge.bus.nats.losses import Losses
from bridge.bus.nats.messages import NatsReceived, heard, of_a_request, of_an_event
from bridge.bus.nats.publishing import Publication
from bridge.bus.nats.pulling import TROUBLE, move_due, next_message
from bridge.bus.nats.streams import (
    CONSUMER,
    MadeStream,
    again,
    declare_stream,
    delay_queue,
    stream_of,
    stream_of_events,
    streams_of,
)
from bridge.bus.nats.trial import try_once
from bridge.bus.numbers import whole
from bridge.bus.port import Delivery, HeldDeadLetter, QueueDepth, QueueSpec, Take, TooLarge, Unroutable
from bridge.errors import Misconfigured
from bridge.observe import record
from bridge.observe.causes import cause_of
from bridge.observe.vocabulary.bus import (
    BusError,
    BusNotReady,
    BusReconnected,
    ConsumerMadeAgain,
    ConsumerUnusable,
    NodePassedOver,
    QueueDeclaredAgain,
)
from bridge.settings import Settings
from bridge.tasks import end

_CONNECT_TIMEOUT = 5
_LOOK_TIMEOUT = 8.0
_LOOKS = 5
_BETWEEN_LOOKS = 0.2
"""Seconds between two looks for a worker."""
_BETWEEN_PROCESSES = 1.0
"""Seconds between two looks whether the process that takes from a queue is gone."""
_IN_CLUSTER = 3
"""Copies of each stream where nothing else is said: one server may be lost and nothing is."""
_ROOM_FOR_HEADERS = 4096
_SLOWEST_HEARTBEAT = 3600
_NO_HEADERS: frozenset[str] = frozenset()


class NatsBus(BrokerBus):
    """The bus on NATS JetStream 2.10 or later.

    Args:
        url: ``nats://`` or ``tls://`` with user and password or a token, and addresses.
        prefix: first part of every name.
        ack_wait: seconds after which the server hands a message over again when its worker says nothing;
            while a handler runs, the adapter speaks for it three times as often.
        on_lost: called once when a consumer is gone and does not come back.
        watch_interval: seconds between two looks of the watchdog.
        heartbeat: seconds between two signs of life; a link that dies without a word is noticed by them.

    Raises:
        Misconfigured: a number is out of range, or an address cannot be read.
    """

    broker = "nats"
    faults = (
        *(NotFoundError, BadRequestError, MaxPayloadError, BadHeaderError, BadSubjectError),
        Misconfigured,  # of a consumer that the server does not change
    )

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "gpconnect",
        ack_wait: float = 15.0,
        on_lost: Callable[[], None] | None = None,
        access: Access = AS_THE_URL_SAYS,
        watch_interval: float = 15.0,
        heartbeat: int = 15,
    ) -> None:
        super().__init__(on_lost=on_lost, watch_interval=watch_interval)
        self._urls = each_address(url, "BRIDGE_BUS_URL")
        self._access = access
        self.declares = True
        self._prefix = prefix
        self._requests = f"{prefix}.requests."
        self._events = f"{prefix}.events."
        self._ack_wait = ack_wait
        self._heartbeat = whole("heartbeat", heartbeat, most=_SLOWEST_HEARTBEAT)
        self._client = ReadingClient(self._urls, access)
        self._js: JetStreamContext = self._client.jetstream(timeout=CONFIRM_TIMEOUT)
        self._elsewhere = Elsewhere(self._client)
        self._capacity = Capacity()
        self._losses = Losses(self._client)
        self._watch_interval = watch_interval
        self._held: dict[str, Msg] = {}  # by the subject that acknowledges them
        self._loops: list[asyncio.Task[None]] = []
        self._sources: list[JetStreamContext.PullSubscription] = []
        self._tasks: list[asyncio.Task[None]] = []
        """What goes on until the connection is closed."""
        self._handing: set[asyncio.Task[None]] = set()

    async def try_connection(self, *, with_rights: bool) -> None:
        """Connect once and close the connection; see `bridge.bus.nats.trial`."""
        await try_once(
            self._urls, self._prefix if with_rights else None, self._access, declares=self.declares
        )

    async def _connect(self) -> None:
        backoff = Backoff("broker_unreachable")
        passed_over: dict[str, str] = {}
        faults = 0

        async def on_error(error: Exception) -> None:
            cause = cause_of(error)
            if self._client.is_connected:
                code, words = (cause.code, cause.sentence) if cause else (None, None)
                record(BusError(type(error).__name__, code, words))
                return
            nonlocal faults
            faults += 1
            nodes = self._client.servers  # the one that is tried is put behind the others first
            if len(nodes) > 1:
                passed_over[place_of(nodes[-1].geturl())] = cause.code if cause else type(error).__name__
            if faults % len(nodes) == 0:  # every one of them: until then the next is tried at once
                await backoff.wait(error)

        async def on_connected() -> None:
            if (there := self._client.connected_url) is not None:
                passed_over.pop(place_of(there.geturl()), None)
            for node, why in passed_over.items():
                record(NodePassedOver(self.broker, node, why))
            passed_over.clear()

        async def on_reconnected() -> None:
            backoff.renew()
            self._losses.look_soon()
            await on_connected()
            record(BusReconnected(self.broker))

        await self._client.sign_in(
            max_reconnect_attempts=-1,
            reconnect_time_wait=0,  # `on_error` waits
            connect_timeout=_CONNECT_TIMEOUT,
            ping_interval=self._heartbeat,
            error_cb=on_error,
            reconnected_cb=on_reconnected,
        )
        await on_connected()
        if self.declares:
            await self._have_stream(stream_of_events(self._prefix))
        self._tasks = [
            asyncio.create_task(self._speak_for_held()),
            asyncio.create_task(self._losses.watch(self._pulled_from, self._watch_interval)),
        ]

    async def declare(self, queue: QueueSpec) -> None:
        """Make the queue, its delay queue and its dead-letter stream exist, durably.

        Raises:
            Misconfigured: another stream holds one of the subjects already, or a consumer is made otherwise
                and cannot be changed.
        """
        if not self.declares:
            if faults := (await self.look_over([queue])).faults:
                raise Misconfigured(*faults)
            return
        made = list(streams_of(queue, prefix=self._prefix))
        for each in made:
            await self._have_stream(each)
        for each in made:
            if each.is_pulled_from:
                await self._have_consumer(each.subject)

    def leave_declaring(self, settings: Settings) -> None:  # noqa: ARG002 - NATS tells its clients everything
        """Declare nothing; see `bridge.bus.administered`."""
        self.declares = False

    async def look_over(self, queues: Sequence[QueueSpec]) -> TopologyFound:
        """Hold streams and consumers to what these queues need, by their configuration."""
        faults: list[str] = []

        async def look() -> None:
            found = faults_of(self._client, self._js, self._all(queues), ack_wait=self._ack_wait)
            faults[:] = [fault async for fault in found]

        await self._persist(look, "declare_retrying", stream=stream_of_events(self._prefix).name)
        return TopologyFound(faults)

    def topology(self, queues: Sequence[QueueSpec]) -> Mapping[str, object]:
        """Configurations of streams and consumers, as the requests of JetStream's API have them."""
        return as_requests(
            self._all(queues), ack_wait=self._ack_wait, replicas=self._access.replicas, now=datetime.now(UTC)
        )

    def _all(self, queues: Sequence[QueueSpec]) -> list[MadeStream]:
        of_queues = (each for queue in queues for each in streams_of(queue, prefix=self._prefix))
        return [stream_of_events(self._prefix), *of_queues]

    async def receive(self, queue: QueueSpec, take: Take, *, concurrency: int) -> None:
        """Start giving each message to `take`, and moving copies out of the delay queue when they are due."""
        if queue.in_order:
            self._loops.append(asyncio.create_task(self._receive_in_turn(queue, take, concurrency)))
        else:
            await self._begin_to_receive(queue, take, concurrency)

    async def _begin_to_receive(self, queue: QueueSpec, take: Take, concurrency: int) -> None:
        work = await self._js.pull_subscribe_bind(CONSUMER, stream_of(queue.name))
        wait = await self._js.pull_subscribe_bind(CONSUMER, stream_of(delay_queue(queue)))
        self._sources += [work, wait]
        self._loops += [
            asyncio.create_task(self._take_work(queue, take, work, concurrency)),
            asyncio.create_task(
                move_due(queue, wait, self._capacity, self._put_copy, partial(self._about, queue))
            ),
        ]

    async def _receive_in_turn(self, queue: QueueSpec, take: Take, concurrency: int) -> None:
        """Wait until no other process takes from the queue or begins to, then take from it, oldest first.

        What the last one had in hand when it was lost would come back only after `ack_wait`, behind what
        came later. A consumer made anew begins with the first message that nobody has acknowledged.
        """
        backoff = Backoff("pull_retrying")
        while True:
            try:
                if await self.is_attended(queue) or not await self._has_turn(queue):
                    await asyncio.sleep(_BETWEEN_PROCESSES)
                    continue
                if not await self._have_all_handed_over_again(queue):
                    continue
                await self._begin_to_receive(queue, take, concurrency)
            except TROUBLE as error:
                await backoff.wait(error)
            else:
                return

    async def _has_turn(self, queue: QueueSpec) -> bool:
        """Whether this process alone is to begin: nobody else does, and nobody has since it looked."""
        if not self.declares:
            return True  # for a turn a consumer is made, which only an administrator may
        since = time.monotonic()
        if not await may_begin(self._client, queue, secrets.token_hex(8)):
            return False
        return not await self.is_attended(queue) and time.monotonic() - since < KEPT / 2

    async def _have_all_handed_over_again(self, queue: QueueSpec) -> bool:
        """Whatever somebody who is gone was given and has not acknowledged, oldest first.

        False when another process took its turn meanwhile.
        """
        stream = stream_of(queue.name)
        with contextlib.suppress(NotFoundError):  # one who was about to do the same is gone too
            if not (await self._js.consumer_info(stream, CONSUMER)).num_ack_pending:
                return True
            if not self.declares:
                # The consumer is an administrator's: the server keeps for it what it may hand over again,
                # in order and before all else, until its time is over.
                await asyncio.sleep(self._ack_wait)
                return not await self.is_attended(queue)
            await self._js.delete_consumer(stream, CONSUMER)
        if self.declares:
            await declare_consumer(self._client, queue.name, ack_wait=self._ack_wait)
        return True

    @property
    def largest_body(self) -> int | None:
        """``max_payload`` of the server, less what our headers may take."""
        return self._client.max_payload - _ROOM_FOR_HEADERS

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Delivery]]:
        """Every event from now on, for tools that watch: nothing is kept for a listener that is away."""
        # What the stream holds, and not what passes by: the server drops repeats of a publish there.
        subscription = await self._js.subscribe(
            f"{self._events}>", ordered_consumer=True, deliver_policy=DeliverPolicy.NEW
        )
        try:
            yield (heard(message, events=self._events) async for message in subscription.messages)
        finally:
            with contextlib.suppress(*TROUBLE):  # the bus may have been stopped before its listener
                await subscription.unsubscribe()

    async def depth(self, queue: QueueSpec) -> QueueDepth:
        """Count what is ready, waiting and dead, by asking the server."""
        work = await self._js.consumer_info(stream_of(queue.name), CONSUMER)
        waiting = await self._js.stream_info(stream_of(delay_queue(queue)))
        dead = await self._js.stream_info(stream_of(queue.dead_letters))
        return QueueDepth(
            ready=work.num_pending or 0, waiting=waiting.state.messages, dead=dead.state.messages
        )

    async def is_attended(self, queue: QueueSpec) -> bool:
        """Whether somebody pulls from this queue.

        A worker that has its hands full pulls no work, but it goes on looking after the delay queue; and
        between two pulls it is not seen for a moment, so that one look would not do.
        """
        consumers = [stream_of(name) for name in (queue.name, delay_queue(queue))]
        for _ in range(_LOOKS):
            try:
                found = [await self._js.consumer_info(stream, CONSUMER) for stream in consumers]
            except NotFoundError:
                return False
            if any(consumer.num_waiting for consumer in found):
                return True
            await asyncio.sleep(_BETWEEN_LOOKS)
        return False

    async def condition(self, queues: Sequence[QueueSpec]) -> BusCondition:
        """Whether streams have limits that drop messages, and the server's clock."""
        names = [name for queue in queues for name in (queue.name, delay_queue(queue), queue.dead_letters)]
        return await condition_of(
            self._client, queues=[*map(stream_of, names)], events=stream_of(f"{self._prefix}.events")
        )

    @contextlib.asynccontextmanager
    async def dead_letters(self, queue: QueueSpec) -> AsyncIterator[AsyncIterator[HeldDeadLetter]]:
        """The dead letters of a declared queue, each once, oldest first."""
        async with contextlib.aclosing(dead_letters_in(self._js, queue, self._put_copy)) as found:
            yield found

    async def ready(self) -> bool:
        """Whether the connection is up, the server has room, and every consumer that should exist does."""
        if not self._client.is_connected:
            return False
        if not self._capacity.is_there:
            record(BusNotReady("storage_full"))
            return False
        try:
            return all([await self._has_consumers(consumer.queue) for consumer in self._consumers.values()])
        except TROUBLE as error:
            record(BusNotReady(type(error).__name__))
            return False

    async def _stop_receiving(self) -> None:
        while self._loops:  # one that waits for its turn may just have begun others
            ending, self._loops = self._loops, []
            await end(*ending)
        for source in self._sources:
            with contextlib.suppress(*TROUBLE):  # else the server hands to us what we give back
                await source.unsubscribe()
        self._sources.clear()

    async def _disconnect(self) -> None:
        await asyncio.gather(*self._handing, return_exceptions=True)
        await end(*self._tasks)
        self._tasks = []
        if self._client.is_connected:
            with contextlib.suppress(*TROUBLE):
                await answered(self._client, timeout=_CONNECT_TIMEOUT)
        await leave(self._client)

    async def _take_work(
        self, queue: QueueSpec, take: Take, source: JetStreamContext.PullSubscription, concurrency: int
    ) -> None:
        """Pull one message for each that may be in hand: what waits, waits at the server."""
        free = asyncio.Semaphore(concurrency)
        while True:
            await free.acquire()
            message = await next_message(source, self._capacity)
            task = asyncio.create_task(self._give(queue, take, message))
            self._handing.add(task)
            task.add_done_callback(self._handing.discard)
            task.add_done_callback(lambda _: free.release())

    async def _give(self, queue: QueueSpec, take: Take, message: Msg) -> None:
        # Senders publish to the subjects of the requests; copies of ours come by another one.
        trusted = control_headers.ALL if message.subject == again(queue) else _NO_HEADERS
        is_event = message.subject.startswith(self._events)
        led_by = self._events if is_event else self._requests
        received = NatsReceived(message, led_by, trusted, self._put_copy)
        self._held[message.reply] = message
        try:
            await take(received)
        except asyncio.CancelledError:  # stopping
            await received.hand_back_at_once()
            raise
        finally:
            del self._held[message.reply]

    async def _speak_for_held(self) -> None:
        """Tell the server that handlers still run, so that it hands nothing over twice."""
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            for message in tuple(self._held.values()):
                with contextlib.suppress(*TROUBLE):  # the next round, or a redelivery that joins
                    await message.in_progress()

    async def _has_consumers(self, queue: QueueSpec) -> bool:
        """Whether we take, and there are consumers that can be used to take from."""
        if any(loop.done() and (loop.cancelled() or loop.exception()) for loop in self._loops):
            return False
        return all([await is_usable(self._client, name) for name in (queue.name, delay_queue(queue))])

    async def _persist(self, call: Callable[[], Awaitable[object]], action: str, **context: str) -> None:
        """Make a call until it succeeds, on another server where this one does nothing."""

        async def noted() -> None:
            try:
                await call()
            except TROUBLE as error:
                if not isinstance(error, self.faults):
                    await self._elsewhere.failed()
                raise
            self._elsewhere.done()

        await super()._persist(noted, action, **context)

    async def _is_consuming(self, name: str) -> bool:
        """Whether the queue and its delay queue can be taken from; what was deleted is made again."""
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT):
                found = await self._looked_after(name)
        except TROUBLE:
            await self._elsewhere.failed()
            raise
        self._elsewhere.done()
        return found

    async def _looked_after(self, name: str) -> bool:
        queue = self._consumers[name].queue
        if not self.declares:
            return await self._has_consumers(queue)  # a new process names what is missing, until it is there
        for subject in (name, delay_queue(queue)):
            try:
                if await declare_consumer(self._client, subject, ack_wait=self._ack_wait):
                    record(ConsumerMadeAgain(subject))
            except NotFoundError:
                await self.declare(queue)
                record(QueueDeclaredAgain(subject))
            except Misconfigured as fault:
                record(ConsumerUnusable(subject, str(fault)))
        return await self._has_consumers(queue)

    def _pulled_from(self) -> list[str]:
        queues = [consumer.queue for consumer in self._consumers.values()]
        return [name for queue in queues for name in (queue.name, delay_queue(queue))]

    async def _have_consumer(self, name: str) -> None:
        make = partial(declare_consumer, self._client, name, ack_wait=self._ack_wait)
        try:
            await self._persist(make, "declare_retrying", stream=stream_of(name))
        except BadRequestError as error:
            raise Misconfigured(f"consumer of stream {stream_of(name)}: {error.description}") from None

    async def _have_stream(self, made: MadeStream) -> None:
        replicas = self._access.replicas or (_IN_CLUSTER if self._client.is_in_cluster else 1)
        make = partial(declare_stream, self._js, made, replicas=replicas)
        try:
            await self._persist(make, "declare_retrying", stream=made.name)
        except BadRequestError as error:
            raise Misconfigured(f"stream {made.name}: {error.description}") from None

    def _delay_queue(self, queue: QueueSpec, seconds: float) -> str:  # noqa: ARG002 - one for all delays
        return delay_queue(queue)

    async def _put_event(self, topic: str, message: Outgoing) -> None:
        await self._put(f"{self._events}{topic}", message.body, of_an_event(message), topic)

    async def _put_request(self, key: str, message: Outgoing) -> None:
        await self._put(f"{self._requests}{key}", message.body, of_a_request(message), key)

    async def _put_copy(self, subject: str, body: bytes, headers: Mapping[str, str]) -> None:
        await self._put(subject, body, headers, subject, is_copy=True)

    async def _put(
        self, subject: str, body: bytes, headers: Mapping[str, str], topic: str, *, is_copy: bool = False
    ) -> None:
        publication = Publication(self._js, subject, body, headers, is_copy=is_copy)

        async def put() -> None:
            try:
                await publication.put()
            except Exception as error:
                self._capacity.refused(publication, error)
                raise

        try:
            with self._capacity.kept(publication):
                await self._persist(put, "publish_retrying", topic=topic)
        except NotFoundError:
            raise Unroutable(topic) from None
        except MaxPayloadError:
            raise TooLarge(topic) from None
        if publication.held is not None:
            self._losses.published(publication.held)
