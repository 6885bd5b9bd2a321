"""RabbitMQ: quorum queues, confirms, waiting rooms that are queues, and a watchdog.

FastStream holds the connection and its channels and runs the consumers. Three things go to aio-pika
directly, because FastStream stands in the way: copies must keep every property of the original message;
publishing without its command objects saves a third of the worker's time on the bus; and queues are
declared on a channel of their own, so that a refused declaration closes no other channel.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial

import structlog
from aio_pika import IncomingMessage, Message, connect
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    PublishError,
)
from faststream import AckPolicy
from faststream.rabbit import Channel, ExchangeType, RabbitExchange, RabbitMessage, RabbitQueue
from pamqp.commands import Queue
from pamqp.common import FieldValue
from yarl import URL

from bridge.bus import control_headers
from bridge.bus.backoff import Patience, persist
from bridge.bus.deliveries import DeliveryRunner
from bridge.bus.numbers import one_of_url, whole
from bridge.bus.port import (
    Dead,
    Delivery,
    Handler,
    HeldDeadLetter,
    QueueDepth,
    QueueSpec,
    RetryAfter,
    TooLarge,
    Unroutable,
)
from bridge.bus.rabbit.connection import ClosingBroker
from bridge.bus.rabbit.dead_letters import letters_in
from bridge.bus.rabbit.headers import read_strictly, reading_leniently
from bridge.bus.rabbit.messages import copied, delivery, marks_of_a_copy, outgoing, trail
from bridge.bus.rabbit.parked_by_broker import see_to
from bridge.bus.watchdog import Watchdog
from bridge.errors import Misconfigured

log = structlog.get_logger()

RUNGS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
"""Delays of the waiting rooms, seconds. A longer wait passes through the last one several times."""
_CONFIRM_TIMEOUT = 10.0
_CALL_TIMEOUT = 15.0
_DELIVERY_LIMIT = 20
"""Fuse against a message that no worker gets to begin with; lost connections count too, so it must not be
small, and what it parks is looked after (`bridge.bus.rabbit.parked_by_broker`). Who kills its worker while
it is worked on is ended by the engine, after ten starts that were lost."""
_LONGEST_LOOK = 600.0
"""Seconds between two looks at the dead letters when the last ones found nothing to do."""
_TOLD_OF_DELETION = 1.0
"""Seconds between the deletion of a queue and its new declaration. A consumer that was not told of the one
before the other stays: the broker counts it, and keeps for it what never arrives."""
_LONGEST_TTL = 2**32 // 1000
_MOST_OF_A_SHORT = 2**16 - 1

_GONE = (*CONNECTION_EXCEPTIONS, TimeoutError)
"""What a call on a connection that is gone raises."""
_FAULTS = (PublishError, ChannelPreconditionFailed)
"""No queue is bound; a queue exists with other arguments, or a message is too large."""


class RabbitBus:
    """The bus on RabbitMQ 3.10 or later.

    Args:
        url: ``amqp://`` or ``amqps://`` address with user, password and virtual host.
        prefix: first part of every name.
        rungs: delays of the waiting rooms in whole seconds, ascending.
        on_lost: called once when a consumer is gone and does not come back.
        watch_interval: seconds between two looks of the watchdog.
        heartbeat: seconds between two signs of life; a link that dies without a word is noticed by them.

    Raises:
        Misconfigured: a number is none that the broker takes.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "gpconnect",
        rungs: Sequence[int] = RUNGS,
        on_lost: Callable[[], None] | None = None,
        watch_interval: float = 15.0,
        heartbeat: int = 15,
    ) -> None:
        whole("heartbeat", heartbeat, most=_MOST_OF_A_SHORT)
        one_of_url(URL(url).query, "timeout", most=3600)
        self._rungs = tuple(whole("rungs", rung, most=_LONGEST_TTL) for rung in rungs)
        self._url = str(URL(url).update_query(heartbeat=heartbeat))
        self._broker = ClosingBroker(
            self._url,
            logger=None,
            default_channel=Channel(publisher_confirms=True, on_return_raises=True),
            # None: a consumer is cancelled first, and `stop` waits for its messages itself. FastStream
            # would wait first, while the broker goes on delivering to nobody.
            graceful_timeout=None,
            reconnect_interval=1,
            timeout=_CALL_TIMEOUT,  # of each try, later ones too: a broker may fall silent in the midst of it
            apply_types=False,  # a handler gets the message, nothing is injected
        )
        self._prefix = prefix
        self._exchanges: dict[str, AbstractExchange] = {}
        self._workers: dict[str, DeliveryRunner] = {}
        self._queues: dict[str, QueueSpec] = {}
        self._interval = watch_interval
        self._minders: list[asyncio.Task[None]] = []
        self._watchdog = Watchdog(self._is_consuming, on_lost, interval=watch_interval)
        self._taken: dict[str, int] = {}

    async def start(self) -> None:
        """Connect, waiting for a broker that is away. Declares the two exchanges."""
        with reading_leniently():  # whoever connects again later was begun here too
            await _persist(self._connect, Patience("broker_unreachable"))
        self._watchdog.start()
        log.info("bus_connected", broker="rabbitmq")

    async def _connect(self) -> None:
        await self._broker.connect()
        for name in ("requests", "events"):
            self._exchanges[name] = await self._broker.declare_exchange(
                RabbitExchange(f"{self._prefix}.{name}", type=ExchangeType.TOPIC, durable=True)
            )
        self._exchanges["queues"] = await self._broker.declare_exchange(RabbitExchange())

    async def declare(self, queue: QueueSpec) -> None:
        """Make the queue, its waiting rooms and its dead-letter queue exist, durably.

        Raises:
            Misconfigured: a queue of that name exists with other arguments.
        """
        try:
            await _persist(partial(self._declare, queue), Patience("declare_retrying", queue=queue.name))
        except ChannelPreconditionFailed:
            raise Misconfigured(
                f"queue {queue.name}: exists with other arguments, remove or rename it"
            ) from None

    async def _declare(self, queue: QueueSpec) -> None:
        dead = f"{queue.name}.dead"
        async with self._channel() as channel:
            await channel.declare_queue(dead, durable=True, arguments={"x-queue-type": "quorum"})
            work = await channel.declare_queue(
                queue.name,
                durable=True,
                arguments=_passing_on(dead) | {"x-delivery-limit": _DELIVERY_LIMIT},
            )
            for delay in self._rungs:
                # One delay per queue: only the head of a queue expires.
                arguments = _passing_on(queue.name) | {"x-message-ttl": delay * 1000}
                await channel.declare_queue(_room(queue, delay), durable=True, arguments=arguments)
            for key in queue.keys:
                await work.bind(f"{self._prefix}.requests", key)

    async def consume(self, queue: QueueSpec, handler: Handler, *, concurrency: int) -> None:
        """Start handing deliveries to `handler`, at most `concurrency` at a time. Returns at once."""
        whole("concurrency", concurrency, most=_MOST_OF_A_SHORT)
        worker = self._workers[queue.name] = DeliveryRunner(queue.name, handler, concurrency=concurrency)
        self._queues[queue.name] = queue

        async def on_message(message: RabbitMessage) -> None:
            read_strictly()  # a task of its own, begun by the one that reads
            await self._on_message(queue, worker, message.raw_message)

        subscriber = self._broker.subscriber(
            RabbitQueue(queue.name, declare=False),
            channel=Channel(prefetch_count=concurrency),
            decoder=_undecoded,
            no_reply=True,
            ack_policy=AckPolicy.MANUAL,
        )
        subscriber(on_message)
        await subscriber.start()
        self._watchdog.watch(queue.name)
        self._minders.append(asyncio.create_task(self._mind_letters(queue, handler)))

    @property
    def largest_body(self) -> int | None:
        """Not known: RabbitMQ tells nobody its ``max_message_size``."""
        return None

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
            Unroutable: no queue is bound for `topic`.
            TooLarge: over ``max_message_size`` of the broker.
        """
        await self._put("events", topic, outgoing(body, id, content_type, correlation_id, headers))

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
            TooLarge: over ``max_message_size`` of the broker.
        """
        await self._put("requests", key, outgoing(body, id, content_type, correlation_id, headers))

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Delivery]]:
        """Every event from now on, for tools that watch: nothing is kept for a listener that is away."""
        async with self._channel() as channel:
            queue = await channel.declare_queue(exclusive=True, auto_delete=True)
            await queue.bind(f"{self._prefix}.events", "#")
            async with queue.iterator(no_ack=True) as messages:
                yield (delivery(message) async for message in messages)

    async def depth(self, queue: QueueSpec) -> QueueDepth:
        """Count what is ready, waiting and dead, by asking the broker."""
        names = [queue.name, f"{queue.name}.dead", *(_room(queue, delay) for delay in self._rungs)]
        async with self._channel() as channel:
            ready, dead, *waiting = [(await _look(channel, name)).message_count or 0 for name in names]
        return QueueDepth(ready=ready, waiting=sum(waiting), dead=dead)

    async def is_attended(self, queue: QueueSpec) -> bool:
        """Whether the broker counts a consumer of this queue."""
        try:
            async with self._channel() as channel:
                return bool((await _look(channel, queue.name)).consumer_count)
        except ChannelNotFoundEntity:
            return False

    @contextlib.asynccontextmanager
    async def letters(self, queue: QueueSpec) -> AsyncIterator[AsyncIterator[HeldDeadLetter]]:
        """The dead letters of a declared queue, each once, oldest first."""
        put = partial(self._put, "queues")
        async with (
            self._channel() as channel,
            contextlib.aclosing(letters_in(channel, queue, put)) as found,
        ):
            yield found

    async def ready(self) -> bool:
        """Whether the connection is up and every consumer that should exist does."""
        if not await self._broker.ping(timeout=1.0):
            return False
        try:
            async with self._channel() as channel:
                found = [await _look(channel, name) for name in self._workers]
        except _GONE as error:
            log.debug("bus_not_ready", error=type(error).__name__)
            return False
        return all(queue.consumer_count for queue in found)

    async def stop(self, *, grace: float) -> None:
        """Take nothing new, finish what is in flight within `grace` seconds, disconnect."""
        await self._watchdog.stop()
        for minder in self._minders:
            minder.cancel()
        await asyncio.gather(*self._minders, return_exceptions=True)
        self._minders.clear()
        for subscriber in self._broker.subscribers:
            with contextlib.suppress(*_GONE):  # the link is gone, and the consumer with it
                await asyncio.wait_for(subscriber.stop(), _CALL_TIMEOUT)
        cancelled = await asyncio.gather(*(worker.drain(grace) for worker in self._workers.values()))
        if sum(cancelled):
            log.warning("stopped_with_work_unfinished", messages=sum(cancelled))
        self._workers.clear()
        with contextlib.suppress(*_GONE):
            await asyncio.wait_for(self._broker.stop(), _CALL_TIMEOUT)

    async def _on_message(self, queue: QueueSpec, worker: DeliveryRunner, message: IncomingMessage) -> None:
        trusted = marks_of_a_copy(message.exchange, trail(message), queue.name)
        taken = delivery(message, trusted=trusted)
        try:
            wait = control_headers.wait(taken.headers, time.time())
            if wait:
                # Longer than the longest room, or a clock that is behind: not an attempt.
                copy = copied(message, taken, control_headers.all_of(taken.headers))
                await self._put("queues", self._room_for(queue, wait), copy)
            else:
                await worker.run(taken, partial(self._settle, queue, message, taken))
        except Exception as error:  # noqa: BLE001 - no outcome could be made durable: the broker keeps it
            log.warning("message_returned", queue=queue.name, error=type(error).__name__)
            await asyncio.sleep(1)
            await message.nack(requeue=True)
        else:
            await message.ack()

    async def _settle(
        self, queue: QueueSpec, message: IncomingMessage, taken: Delivery, outcome: RetryAfter | Dead
    ) -> None:
        if isinstance(outcome, Dead):
            target, headers = f"{queue.name}.dead", control_headers.for_dead(taken, outcome)
        else:
            target = self._room_for(queue, outcome.seconds)
            headers = control_headers.for_retry(taken, outcome, now=time.time())
        copy = copied(message, taken, headers)
        try:
            await self._put("queues", target, copy)
        except Unroutable:  # somebody deleted the queue while we ran
            await self.declare(queue)
            await self._put("queues", target, copy)

    async def _mind_letters(self, queue: QueueSpec, handler: Handler) -> None:
        """See to what the broker parks, now and then; runs until it is cancelled."""
        settled: int | None = 0
        pause = self._interval
        while True:
            await asyncio.sleep(pause)
            try:
                async with self._channel() as channel:
                    dead = (await _look(channel, f"{queue.name}.dead")).message_count or 0
                if dead == settled:
                    continue
                found, left = await self._see_to_parked(queue, handler)
            except Exception as error:  # noqa: BLE001 - the broker is away, or a letter ends the connection
                log.warning("letters_not_seen_to", queue=queue.name, error=type(error).__name__)
                found, left = 0, 1
            # What was left is looked at again; so is a number that changed.
            settled = None if found or left else dead
            pause = self._interval if found else min(2 * pause, _LONGEST_LOOK)

    async def _see_to_parked(self, queue: QueueSpec, handler: Handler) -> tuple[int, int]:
        """How many letters of the broker's there were and are settled, and how many are left."""
        room = partial(self._room_for, queue)
        found = left = 0
        # On a connection of its own: a letter that no client can read ends that one, and no consumer's.
        with reading_leniently():
            connection = await connect(self._url, timeout=_CALL_TIMEOUT)
        async with connection, connection.channel(publisher_confirms=False) as channel:
            letters = letters_in(channel, queue, partial(self._put, "queues"))
            async with contextlib.aclosing(letters):
                async for parked in letters:
                    if parked.by_broker and await see_to(parked, queue, handler, room=room):
                        found += 1
                    elif parked.by_broker:
                        left += 1
        return found, left

    def _room_for(self, queue: QueueSpec, seconds: float) -> str:
        delay = next((rung for rung in self._rungs if rung >= math.ceil(seconds)), self._rungs[-1])
        return _room(queue, delay)

    async def _put(self, exchange: str, key: str, message: Message) -> None:
        target = self._exchanges[exchange]
        try:
            await _persist(
                lambda: target.publish(message, key, timeout=_CONFIRM_TIMEOUT),
                Patience("publish_retrying", exchange=exchange),
            )
        except PublishError:
            raise Unroutable(key) from None
        except ChannelPreconditionFailed:
            raise TooLarge(key) from None

    @contextlib.asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel for questions and declarations, which the broker may close without harm."""
        connection = await self._broker.connect()
        async with asyncio.timeout(_CALL_TIMEOUT):
            await connection.ready()
            transport = connection.transport
            assert transport is not None
        channel = connection.channel(publisher_confirms=False)
        await channel.initialize(timeout=_CALL_TIMEOUT)
        try:
            yield channel
        finally:
            await channel.close()

    async def _is_consuming(self, name: str) -> bool:
        """Whether our consumer of this queue lives: the broker counts one, and what is ready is taken.

        A queue that somebody deleted is made again: until then what senders publish goes nowhere.
        """
        try:
            async with self._channel() as channel:
                found = await _look(channel, name)
        except ChannelNotFoundEntity:
            await asyncio.sleep(_TOLD_OF_DELETION)
            await self.declare(self._queues[name])
            log.error("queue_declared_again", queue=name)
            return False  # the driver restores the consumer, or the process is to be started anew
        worker = self._workers[name]
        before, self._taken[name] = self._taken.get(name), worker.taken
        idle = worker.busy < worker.concurrency and worker.taken == before
        return bool(found.consumer_count) and not (found.message_count and idle)


async def _persist(call: Callable[[], Awaitable[object]], patience: Patience) -> None:
    await persist(call, patience, faults=_FAULTS, timeout=_CALL_TIMEOUT)


async def _undecoded(message: RabbitMessage) -> RabbitMessage:
    """The body is read by the engine alone: what cannot be read must reach it too."""
    return message


async def _look(channel: AbstractChannel, queue: str) -> Queue.DeclareOk:
    return (await channel.declare_queue(queue, passive=True, timeout=_CALL_TIMEOUT)).declaration_result


def _passing_on(target: str) -> dict[str, FieldValue]:
    """A quorum queue whose expired and rejected messages reach `target` at least once."""
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": target,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _room(queue: QueueSpec, delay: int) -> str:
    return f"{queue.name}.wait.{delay}s"
