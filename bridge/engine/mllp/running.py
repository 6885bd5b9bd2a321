"""The two processes: one sends HL7 v2 messages, the other listens for those that ask for records."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import field
from functools import partial
from typing import Final

from bridge.bus import open_bus
from bridge.bus.administered import have_queues
from bridge.bus.port import Bus
from bridge.contracts.envelope import EventStyle
from bridge.credentials.known import known_certificates
from bridge.credentials.reload import Reloaded
from bridge.engine.http.health import Readiness, health_endpoints, ready_while
from bridge.engine.journal.opening import open_journal
from bridge.engine.mllp.answering import RequestsBus, TriggerAnswers
from bridge.engine.mllp.delivery import Hl7v2Delivery
from bridge.engine.mllp.rendered import HL7V2_DELIVERY, delivery_queue
from bridge.engine.mllp.starting import check_listener, check_sender
from bridge.engine.mllp.users import read_users
from bridge.engine.worker import ConsumerLostError
from bridge.figures import Figures, Sources
from bridge.mllp.listener import listening
from bridge.mllp.peer import Peer
from bridge.observe import record, recording
from bridge.observe.vocabulary.mllp import DeliveryStarted
from bridge.observe.vocabulary.process import WorkerStopped
from bridge.settings import Settings
from bridge.traces import tracing
from bridge.values import dataclass

_IN_HAND: Final = 4
"""Messages in hand for each connection: while one patient's wait for each other, others' go out."""


@asynccontextmanager
async def delivering(settings: Settings, bus: Bus) -> AsyncIterator[Sources]:
    """Send HL7 v2 messages to the peer while the block runs; then finish what is in flight.

    Args:
        settings: of the installation.
        bus: a started one.

    Raises:
        Misconfigured: before anything is sent, with every fault of the settings.
    """
    check_sender(settings)
    peer = Peer(settings.mllp)
    queue = delivery_queue(settings.bus.prefix)
    async with open_journal(settings) as journal:
        await have_queues(bus, [queue])
        handler = Hl7v2Delivery(journal, peer, settings)
        await bus.consume(queue, handler, concurrency=settings.mllp.connections * _IN_HAND)
        record(DeliveryStarted(settings.mllp.connections))
        try:
            yield Sources(
                bus=bus,
                queues={HL7V2_DELIVERY: queue},
                ready=journal.requests.ready,
                count_unfinished=journal.requests.count_unfinished,
                bulkheads=tuple,
                certificates=known_certificates(settings, "bus", "ledger", "mllp", "listener"),
                clock_skew=lambda: None,
                retries_stopped=lambda _pipeline: False,
            )
        finally:
            await bus.stop(grace=settings.stop_grace)
            await peer.close()
            record(WorkerStopped())


async def run_sender(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT, then stop in order.

    Raises:
        Misconfigured: the settings do not allow a start.
        ConsumerLostError: the consumer is gone for good.
    """
    check_sender(settings)
    async with _process(settings) as process, process.bus() as bus, delivering(settings, bus) as sources:
        process.figures.watch(sources)
        await process.run(_readiness(bus, sources.ready))


@asynccontextmanager
async def taking_triggers(settings: Settings, bus: RequestsBus) -> AsyncIterator[int]:
    """Take ADT messages while the block runs; the port.

    Args:
        settings: of the installation.
        bus: a started one.

    Raises:
        Misconfigured: before anything is taken, with every fault of the settings.
    """
    check_listener(settings)
    file = settings.listener.users_file
    assert file is not None, "a listener without a directory of users does not start"
    users = Reloaded("listener_users", [file], partial(read_users, file))
    style = EventStyle(
        settings.events.type_prefix, f"{settings.events.source}/mllp", settings.events.schema_base
    )
    answers = TriggerAnswers(bus, users, settings.listener, style)
    async with listening(settings.listener, answers, grace=settings.stop_grace) as port:
        yield port


async def run_listener(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT, then acknowledge what is in hand.

    Raises:
        Misconfigured: the settings do not allow a start.
    """
    check_listener(settings)
    async with _process(settings) as process, process.bus() as bus, taking_triggers(settings, bus):
        await process.run(_readiness(bus))


@dataclass()
class _Process:
    """A process that runs until it is told to stop, or its consumer is gone."""

    settings: Settings
    figures: Figures
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _is_lost: bool = False
    _is_serving: bool = False
    _readiness: Readiness | None = None
    _starting: "asyncio.Task[object] | None" = field(default_factory=asyncio.current_task)

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        async with open_bus(self.settings, on_lost=self.lose, join=True) as bus:
            yield bus

    def lose(self) -> None:
        self._is_lost = True
        self._stopping.set()

    def stop(self) -> None:
        self._stopping.set()
        if not self._is_serving and self._starting is not None:
            self._starting.cancel()  # the broker is away, or slow: nothing is in flight yet

    async def readiness(self) -> Mapping[str, bool]:
        return await ready_while(lambda: self._readiness)

    async def run(self, readiness: Readiness) -> None:
        """Wait for the end.

        Raises:
            ConsumerLostError: it came by itself.
        """
        self._readiness, self._is_serving = readiness, True
        await self._stopping.wait()
        self._readiness = None
        if self._is_lost:
            raise ConsumerLostError


@asynccontextmanager
async def _process(settings: Settings) -> AsyncIterator[_Process]:
    process = _Process(settings, Figures(by_practice=settings.metrics.by_practice))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, process.stop)
    # To be opened before the bus: the tasks of a connection hear of nobody who begins to listen later.
    with nullcontext() if settings.health.port is None else recording(process.figures):
        try:
            async with (
                tracing() as traces,
                health_endpoints(settings.health, process.readiness, process.figures),
            ):
                yield process
                traces.stop_by(loop.time() + settings.stop_grace)
        finally:
            await process.figures.end()


def _readiness(bus: Bus, ledger: Callable[[], Awaitable[Mapping[str, bool]]] | None = None) -> Readiness:
    async def ready() -> Mapping[str, bool]:
        return {"bus": await bus.ready(), **(await ledger() if ledger else {})}

    return ready
