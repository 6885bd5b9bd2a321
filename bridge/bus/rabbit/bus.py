"""RabbitMQ: quorum queues, confirms, delays that are queues, and a look at whether consumers consume.

Queues are declared on a channel of their own, so that a refused declaration closes no other channel.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    AMQPConnectionError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    PublishError,
)
from yarl import URL

from bridge.addresses import each_address
from bridge.bus import control_headers
from bridge.bus.access import AS_THE_URL_SAYS, Access
from bridge.bus.administered import TopologyFound
from bridge.bus.backoff import CALL_TIMEOUT
from bridge.bus.base import BrokerBus, Outgoing
from bridge.bus.numbers import one_of_url, whole
from bridge.bus.port import (
    Delivery,
    DeliveryHandler,
    HeldDeadLetter,
    QueueDepth,
    QueueSpec,
    Take,
    TooLarge,
    Unpublishable,
    Unroutable,
)
from bridge.bus.rabbit.caution import Caution
from bridge.bus.rabbit.connection import FAREWELL, BrokerLink, connect_apart
from bridge.bus.rabbit.dead_letters import RabbitHeldDeadLetter, dead_letters_in
from bridge.bus.rabbit.exchanges import Exchanges
from bridge.bus.rabbit.headers import read_strictly, reading_leniently
from bridge.bus.rabbit.messages import RabbitReceived, delivery, parcel_of, parcel_of_copy
from bridge.bus.rabbit.nodes import Nodes
from bridge.bus.rabbit.parked_by_broker import ParkedByBroker
from bridge.bus.rabbit.publishing import Parcel
from bridge.bus.rabbit.reused_channel import ReusedChannel
from bridge.bus.rabbit.signing_in import signing_in_by
from bridge.bus.rabbit.topology import DELAYS, Topology, count, look, virtual_host
from bridge.bus.rabbit.trial import try_once
from bridge.errors import Misconfigured
from bridge.observe import record
from bridge.observe.vocabulary.bus import BusNotReady, MessageReturned, QueueDeclaredAgain
from bridge.settings import Settings
from bridge.tasks import end

_TOLD_OF_DELETION = 1.0
"""Seconds between the deletion of a queue and its new declaration. A consumer that was not told of the one
before the other stays: the broker counts it, and keeps for it what never arrives."""
_MOST_OF_A_SHORT = 2**16 - 1
_QUIET_WATCHES = 4
"""Rounds of the watchdog without a lost connection after which messages are taken together again."""

_GONE = (*CONNECTION_EXCEPTIONS, TimeoutError)
"""What a call on a connection that is gone raises."""


class RabbitBus(BrokerBus):
    """The bus on RabbitMQ 3.10 or later.

    Args:
        url: ``amqp://`` or ``amqps://`` with user, password, addresses and virtual host.
        prefix: first part of every name.
        delays: of the delay queues in whole seconds, ascending.
        on_lost: called once when a consumer is gone and does not come back.
        access: what the settings say beside the URL.
        watch_interval: seconds between two looks of the watchdog.
        heartbeat: seconds between two signs of life; a link that dies without a word is noticed by them.

    Raises:
        Misconfigured: a number is none that the broker takes, or an address cannot be read.
    """

    broker = "rabbitmq"
    faults = (PublishError, ChannelPreconditionFailed)
    # No queue is bound; a queue exists with other arguments, or a message is too large.

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "gpconnect",
        delays: Sequence[int] = DELAYS,
        on_lost: Callable[[], None] | None = None,
        access: Access = AS_THE_URL_SAYS,
        watch_interval: float = 15.0,
        heartbeat: int = 15,
    ) -> None:
        super().__init__(on_lost=on_lost, watch_interval=watch_interval)
        whole("heartbeat", heartbeat, most=_MOST_OF_A_SHORT)
        addresses = [URL(one) for one in each_address(url, "BRIDGE_BUS_URL")]
        one_of_url(addresses[0].query, "timeout", most=3600)
        self.declares = True
        self._topology = Topology(prefix, delays)
        self._url = str(signing_in_by(addresses[0], access).update_query(heartbeat=heartbeat))
        self._nodes = Nodes(addresses)
        self._access = access
        self._caution = Caution(quiet=_QUIET_WATCHES * watch_interval)
        self._link = BrokerLink(self._url, nodes=self._nodes, access=access, caution=self._caution)
        self._prefix = prefix
        self._settings: Settings | None = None
        self._exchanges = Exchanges(self._link, self._topology.exchanges)
        self._questions = ReusedChannel(self._open_channel)
        self._interval = watch_interval
        self._watches: list[asyncio.Task[None]] = []
        self._taken: dict[str, int] = {}
        self._taken_from: dict[str, AbstractQueue] = {}
        """By the tag of our consumer. They hold the channel, which the connection holds weakly."""
        self._has_turn = False
        """Whether this process takes from a queue in order, or is to."""
        self._is_leaving = False

    async def try_connection(self, *, with_rights: bool) -> None:
        """Connect once and close the connection; see `bridge.bus.rabbit.trial`."""
        rights = self._prefix if with_rights else None
        await try_once(self._url, rights, self._nodes, self._access, declares=self.declares)

    async def _connect(self) -> None:
        with reading_leniently():  # whoever connects again later was begun here too
            await self._persist(self._declare_exchanges, "broker_unreachable")

    async def _declare_exchanges(self) -> None:
        await self._link.connect()
        await self._exchanges.open(declares=self.declares)
        self._watches.append(asyncio.create_task(self._take_together_again()))

    async def _take_together_again(self) -> None:
        """End the time in which messages are taken one by one; runs until it is cancelled.

        The limit of a consumer that is there cannot be changed: so the connection is made anew.
        """
        while True:
            await asyncio.sleep(self._interval)
            if self._caution.is_over():
                self._caution.end()
                transport = (await self._link.connect()).transport
                if transport is not None:
                    # As if the link had broken: by itself the driver would cancel whoever is calling.
                    end_of_link = AMQPConnectionError("made anew")
                    with contextlib.suppress(*_GONE):
                        await asyncio.wait_for(transport.connection.close(end_of_link), CALL_TIMEOUT)

    async def declare(self, queue: QueueSpec) -> None:
        """Make the queue, its delay queues and its dead-letter queue exist, durably.

        Raises:
            Misconfigured: a queue of that name exists with other arguments; or it is an administrator's, and
                something is wrong with it.
        """
        if not self.declares:
            if faults := (await self.look_over([queue])).faults:
                raise Misconfigured(*faults)
            return

        async def declare() -> None:
            async with self._channel() as channel:
                await self._topology.declare(channel, queue)

        try:
            await self._persist(declare, "declare_retrying", queue=queue.name)
        except ChannelPreconditionFailed:
            raise Misconfigured(
                f"queue {queue.name}: exists with other arguments, remove or rename it"
            ) from None

    def leave_declaring(self, settings: Settings) -> None:
        """Declare nothing; see `bridge.bus.administered`."""
        self.declares = False
        self._settings = settings

    async def look_over(self, queues: Sequence[QueueSpec]) -> TopologyFound:
        """See `bridge.bus.rabbit.checking`."""
        # Asks the broker's management API, with a client that nothing else in a worker needs.
        from bridge.bus.rabbit.checking import look_over  # noqa: PLC0415

        exchange = self._topology.exchanges["requests"]
        persist = partial(self._persist, action="declare_retrying", exchange=exchange)
        return await look_over(self._topology, queues, self._channel, self._settings, persist=persist)

    def topology(self, queues: Sequence[QueueSpec]) -> Mapping[str, object]:
        """Definitions of RabbitMQ for the virtual host of our URL."""
        return self._topology.definitions(queues, virtual_host(self._url))

    async def consume(self, queue: QueueSpec, handler: DeliveryHandler, *, concurrency: int) -> None:
        """Start handing deliveries to `handler`, and see to what the broker gives up of this queue."""
        await super().consume(queue, handler, concurrency=concurrency)
        parked = ParkedByBroker(
            queue,
            handler,
            delay_queue=partial(self._topology.delay_queue, queue),
            count=partial(self._count, queue.dead_letters),
            dead_letters=partial(self._dead_letters_apart, queue),
        )
        self._watches.append(asyncio.create_task(parked.watch(self._interval)))

    async def receive(self, queue: QueueSpec, take: Take, *, concurrency: int) -> None:
        """Start giving each message to `take`; one whose time has not come goes back to wait."""

        async def on_message(message: AbstractIncomingMessage) -> None:
            if self._is_leaving:
                return  # it goes back with the connection
            read_strictly()  # a task of its own, begun by the one that reads
            try:
                await self._take_up(queue, RabbitReceived(message, queue.name, self._put_into), take)
            except _GONE:
                pass  # the link is gone, and the broker hands the message over again
            except Exception as error:  # noqa: BLE001 - the driver would log its text, which may hold anything
                record(MessageReturned(queue.name, type(error).__name__))

        # What is handed over first may end the connection at once.
        consume = partial(self._take_from, queue.name, on_message, concurrency)
        await self._persist(consume, "pull_retrying", queue=queue.name)
        self._has_turn = self._has_turn or queue.in_order

    async def _take_up(self, queue: QueueSpec, received: RabbitReceived, take: Take) -> None:
        self._caution.took(received.delivery.deliveries)
        headers = received.delivery.headers
        if wait := control_headers.wait(headers, time.time()):
            # Longer than the longest delay queue, or a clock that is behind: not an attempt.
            target, copy = self._delay_queue(queue, wait), control_headers.all_of(headers)
            await self._acknowledge_after(queue, received, received.copy_to(target, copy))
        else:
            await take(received)

    async def _take_from(
        self, name: str, on_message: Callable[[AbstractIncomingMessage], Awaitable[None]], concurrency: int
    ) -> None:
        connection = await self._link.connect()
        await connection.ready()
        channel = connection.channel(publisher_confirms=False)
        try:
            await channel.initialize(timeout=CALL_TIMEOUT)
            await channel.set_qos(prefetch_count=concurrency)
            queue = await channel.declare_queue(name, passive=True)
            self._taken_from[await queue.consume(on_message)] = queue
        except BaseException:
            if channel.is_initialized:
                with contextlib.suppress(*_GONE):
                    await channel.close()
            raise

    @property
    def largest_body(self) -> int | None:
        """Not known: RabbitMQ tells nobody its ``max_message_size``."""
        return None

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
        async with self._questions.channel() as channel:
            ready = await count(channel, queue.name)
            dead = await count(channel, queue.dead_letters)
            waiting = [await count(channel, name) for name in self._topology.delay_queues(queue)]
        return QueueDepth(ready=ready, waiting=sum(waiting), dead=dead)

    async def is_attended(self, queue: QueueSpec) -> bool:
        """Whether the broker counts a consumer of this queue."""
        try:
            async with self._questions.channel() as channel:
                return bool((await look(channel, queue.name)).consumer_count)
        except ChannelNotFoundEntity:
            return False

    @contextlib.asynccontextmanager
    async def dead_letters(self, queue: QueueSpec) -> AsyncIterator[AsyncIterator[HeldDeadLetter]]:
        """The dead letters of a declared queue, each once, oldest first."""
        async with (
            self._channel() as channel,
            contextlib.aclosing(dead_letters_in(channel, queue, self._put_into)) as found,
        ):
            yield found

    @contextlib.asynccontextmanager
    async def _dead_letters_apart(
        self, queue: QueueSpec
    ) -> AsyncIterator[AsyncIterator[RabbitHeldDeadLetter]]:
        """The same on a connection of its own: a message that no client can read ends that one alone."""
        with reading_leniently():
            connection = await connect_apart(self._url, self._nodes, self._access, timeout=CALL_TIMEOUT)
        async with (
            connection,
            connection.channel(publisher_confirms=False) as channel,
            contextlib.aclosing(dead_letters_in(channel, queue, self._put_into)) as found,
        ):
            yield found

    async def ready(self) -> bool:
        """Whether the connection is up and every consumer that should exist does."""
        if not await self._link.is_up(within=1.0):
            return False
        try:
            async with self._questions.channel() as channel:
                found = [await look(channel, name) for name in self._consumers]
        except _GONE as error:
            record(BusNotReady(type(error).__name__))
            return False
        return all(queue.consumer_count for queue in found)

    async def _stop_receiving(self) -> None:
        await end(*self._watches)
        self._watches.clear()
        self._is_leaving = True
        if self._has_turn:
            # A consumer that is cancelled makes room for the next, who would then get what comes after the
            # messages that are in hand here. Those go back in order when the connection ends.
            return
        takers = self._taken_from.items()
        await _say(*(queue.cancel(tag) for tag, queue in takers if not queue.channel.is_closed))

    async def _disconnect(self) -> None:
        await _say(self._link.end())

    def _delay_queue(self, queue: QueueSpec, seconds: float) -> str:
        return self._topology.delay_queue(queue, seconds)

    async def _put_event(self, topic: str, message: Outgoing) -> None:
        await self._put("events", parcel_of(topic, message))

    async def _put_events(self, messages: Sequence[tuple[str, Outgoing]]) -> Sequence[Unpublishable | None]:
        parcels = [parcel_of(topic, message) for topic, message in messages]
        faults = await self._exchanges.publish("events", parcels)
        return [
            _unpublishable(parcel, faults[number]) if number in faults else None
            for number, parcel in enumerate(parcels)
        ]

    async def _put_request(self, key: str, message: Outgoing) -> None:
        await self._put("requests", parcel_of(key, message))

    async def _put_into(self, queue: str, message: Message) -> None:
        await self._put("queues", parcel_of_copy(queue, message))

    async def _put(self, exchange: str, parcel: Parcel) -> None:
        for fault in (await self._exchanges.publish(exchange, [parcel])).values():
            raise _unpublishable(parcel, fault)

    async def _count(self, name: str) -> int:
        async with self._questions.channel() as channel:
            return await count(channel, name)

    @contextlib.asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel for declarations, and for what lasts, which the broker may close without harm."""
        channel = await self._open_channel()
        try:
            yield channel
        finally:
            await channel.close()

    async def _open_channel(self) -> AbstractChannel:
        connection = await self._link.connect()
        async with asyncio.timeout(CALL_TIMEOUT):
            await connection.ready()
            transport = connection.transport
            assert transport is not None
        channel = connection.channel(publisher_confirms=False)
        await channel.initialize(timeout=CALL_TIMEOUT)
        return channel

    async def _is_consuming(self, name: str) -> bool:
        """Whether our consumer of this queue lives: the broker counts one, and what is ready is taken.

        A queue that somebody deleted is made again: until then what senders publish goes nowhere.
        """
        consumer = self._consumers[name]
        try:
            async with self._questions.channel() as channel:
                found = await look(channel, name)
        except ChannelNotFoundEntity:
            if not self.declares:
                return False  # a new process names what is missing, until it is there
            await asyncio.sleep(_TOLD_OF_DELETION)
            await self.declare(consumer.queue)
            record(QueueDeclaredAgain(name))
            return False  # the driver restores the consumer, or the process is to be started anew
        runner = consumer.runner
        before, self._taken[name] = self._taken.get(name), runner.taken
        idle = runner.busy < runner.concurrency and runner.taken == before and not consumer.queue.in_order
        # Of a queue in order another process may have the turn: then nothing is handed to this one.
        return bool(found.consumer_count) and not (found.message_count and idle)


async def _say(*farewells: Coroutine[object, object, object]) -> None:
    """What is said to a broker at the end, all at once, whether it listens or is gone.

    Each is a task of its own: the driver cancels whoever waits on a link that ends.
    """
    said = [asyncio.create_task(farewell) for farewell in farewells]
    if said:
        await asyncio.wait(said, timeout=FAREWELL)
    await end(*said)


def _unpublishable(parcel: Parcel, fault: Exception) -> Unpublishable:
    return Unroutable(parcel.key) if isinstance(fault, PublishError) else TooLarge(parcel.key)
