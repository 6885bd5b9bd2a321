"""A worker: the bus, the clients and the pipelines of one process, from start to orderly stop."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial

from bridge.bus import open_bus
from bridge.bus.administered import have_queues
from bridge.bus.port import QueueInspection, QueueSpec, WorkerBus
from bridge.credentials.faults import access_faults
from bridge.credentials.known import known_certificates
from bridge.engine.context import Services
from bridge.engine.documents import DocumentServices
from bridge.engine.http.consumers import claims_faults
from bridge.engine.http.gate import open_file_limit
from bridge.engine.http.health import Readiness, health_endpoints, ready_while
from bridge.engine.in_doubt import check_in_doubt
from bridge.engine.journal import Journal
from bridge.engine.journal.claim_checks import ClaimCheckJournal
from bridge.engine.journal.opening import open_journal
from bridge.engine.kill_switch import KillSwitch
from bridge.engine.memory_budget import MemoryBudget
from bridge.engine.mllp.rendered import delivery_queue
from bridge.engine.outbox import pay_owed
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.quality import fold_quality
from bridge.engine.runner import Runner
from bridge.engine.scanning import Scanner
from bridge.engine.sightings import Sight, answer_asks, keep_sightings
from bridge.figures import Figures, Sources
from bridge.gpconnect.client import GpConnect
from bridge.gpconnect.offers import Offers
from bridge.ledger.keys import key_faults
from bridge.observe import record, recording
from bridge.observe.vocabulary.process import SecretsExposed, WorkerStarted, WorkerStopped
from bridge.pipelines.declaration import Pipeline
from bridge.renderings.rendering import RenderingSpec
from bridge.renderings.table import RENDERINGS
from bridge.settings import ClaimsSettings, Settings
from bridge.spine import Spine
from bridge.tasks import end
from bridge.traces import trace_faults, tracing
from bridge.values import dataclass

_MOST_SKEW = 60.0
_YOUNG = 10_000
"""Objects made between two looks for cycles; requests leave few, and looking at each 700 cost a twentieth."""


class ConsumerLostError(Exception):
    """A consumer is gone and does not come back; the process should be started anew."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a running worker stands on."""

    bus: WorkerBus
    spine: Spine
    journal: Journal
    kill_switch: KillSwitch

    async def readiness(self) -> dict[str, bool]:
        """Each thing a request needs, and whether it is there."""
        now, skew = datetime.now(UTC), self.spine.clock_skew()
        return {
            "bus": await self.bus.ready(),
            **await self.journal.requests.ready(),
            "certificates": all(fact.expires_at > now for fact in self.spine.certificates()),
            # SP-057: a token lives five minutes, so a clock that is off by more makes every call fail.
            "clock": skew is None or abs(skew) < _MOST_SKEW,
        }


@asynccontextmanager
async def consuming(
    settings: Settings,
    pipelines: Sequence[Pipeline],
    bus: WorkerBus,
    *,
    renderings: Mapping[str, RenderingSpec] = RENDERINGS,
) -> AsyncIterator[Worker]:
    """Run the pipelines on a started bus while the block runs; then finish what is in flight.

    Args:
        settings: of the installation.
        pipelines: that are run.
        bus: a started one.
        renderings: the further forms that there are.

    Raises:
        Misconfigured: before anything is consumed, with every fault of the settings; or, with
            ``BRIDGE_BUS_DECLARE=check``, of the queues.
    """
    check(settings, renderings)
    async with (
        Spine.open(settings) as spine,
        open_journal(settings) as journal,
        _claims(settings.claims, journal.claim_checks),
    ):
        site_key = settings.patient_key or ""
        offers = Offers(
            site_key,
            valid_for=timedelta(seconds=settings.offers.valid_for),
            unsigned_until=settings.offers.unsigned_until,
        )
        documents = DocumentServices(Scanner(settings.scan), settings.documents, settings.claims)
        services = Services(
            GpConnect(spine),
            PatientKeys(site_key),
            offers,
            journal,
            MemoryBudget(),
            documents,
            KillSwitch.of(settings),
        )
        queues = [pipeline.queue(settings.bus.prefix) for pipeline in pipelines]
        # What is rendered while no sender runs waits in the queue of deliveries for one.
        delivery = [delivery_queue(settings.bus.prefix)] if settings.mllp.peer is not None else []
        await have_queues(bus, [*queues, *delivery])
        runners = [Runner(pipeline, services, bus, settings, renderings) for pipeline in pipelines]
        for queue, runner in zip(queues, runners, strict=True):
            await bus.consume(queue, runner, concurrency=settings.bus.concurrency)
        sight = Sight(spine, services.gpconnect, journal.sightings)
        chores = [
            asyncio.create_task(pay_owed(journal.outbox, bus)),
            asyncio.create_task(check_in_doubt(journal, runners, settings)),
            asyncio.create_task(fold_quality(journal.quality)),
            asyncio.create_task(keep_sightings(sight, journal.sightings)),
            asyncio.create_task(answer_asks(journal.asks, services.gpconnect, sight)),
        ]
        record(WorkerStarted(tuple(pipeline.name for pipeline in pipelines)))
        try:
            yield Worker(bus, spine, journal, services.kill_switch)
        finally:
            await end(*chores)
            await bus.stop(grace=settings.stop_grace)
            record(WorkerStopped())


@asynccontextmanager
async def _claims(settings: ClaimsSettings, journal: ClaimCheckJournal) -> AsyncIterator[None]:
    """Serve the data of large events while the block runs, where claim checks are used."""
    if settings.url is None:
        yield
        return
    # Loads a web framework and its server.
    from bridge.engine.http.claims import claims_endpoint  # noqa: PLC0415

    async with claims_endpoint(settings, journal):
        yield


def check(settings: Settings, renderings: Mapping[str, RenderingSpec] = RENDERINGS) -> None:
    """Whether a worker may start with these settings.

    Args:
        settings: of the installation.
        renderings: the further forms that there are.

    Raises:
        Misconfigured: with every fault, those of the key rings too.
    """
    of_keys = key_faults(settings) if settings.ledger.enabled else ()
    of_traces = trace_faults(sandbox=settings.sandbox)
    unknown = [name for name in settings.renderings if name not in renderings]
    of_renderings = (
        [f"BRIDGE_RENDERINGS: names a form that is none of {', '.join(renderings)}"] if unknown else []
    )
    of_access = access_faults(settings)
    settings.check(also=[*of_access, *of_keys, *of_renderings, *claims_faults(settings.claims), *of_traces])


async def run_worker(settings: Settings, pipelines: Sequence[Pipeline]) -> None:
    """Run until SIGTERM or SIGINT, then stop in order: take nothing new, finish what is in flight.

    Raises:
        Misconfigured: the settings do not allow a start.
        ConsumerLostError: a consumer is gone for good.
    """
    check(settings)
    open_file_limit()
    gc.set_threshold(_YOUNG)
    stopping, lost = asyncio.Event(), asyncio.Event()
    serving: Readiness | None = None
    starting = asyncio.current_task()

    def stop() -> None:
        stopping.set()
        if starting is not None:
            starting.cancel()  # the broker is away, or slow: nothing is in flight yet

    def on_lost() -> None:
        lost.set()
        stopping.set()

    if settings.exposed_secrets and not settings.sandbox:
        record(SecretsExposed(settings.exposed_secrets))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    async with (
        _counting(settings) as figures,
        tracing() as traces,
        health_endpoints(settings.health, partial(ready_while, lambda: serving), figures),
        open_bus(settings, on_lost=on_lost) as bus,
        consuming(settings, pipelines, bus) as worker,
    ):
        serving, starting = worker.readiness, None  # from here on it stops in order, however often it is told
        queues = {each.name: each.queue(settings.bus.prefix) for each in pipelines}
        figures.watch(_sources(settings, worker, bus, queues))
        gc.freeze()  # what was loaded by now stays until the end
        await stopping.wait()
        traces.stop_by(loop.time() + settings.stop_grace)
        serving = None
        await figures.end()
    if lost.is_set():
        raise ConsumerLostError


@asynccontextmanager
async def _counting(settings: Settings) -> AsyncIterator[Figures]:
    """Figures that hear what happens inside the block, where somebody can ask for them.

    To be opened before the bus: the tasks of a connection hear of nobody who begins to listen later.
    """
    figures = Figures(by_practice=settings.metrics.by_practice)
    with nullcontext() if settings.health.port is None else recording(figures):
        try:
            yield figures
        finally:
            await figures.end()


def _sources(
    settings: Settings, worker: Worker, bus: QueueInspection, queues: Mapping[str, QueueSpec]
) -> Sources:
    others = known_certificates(settings, "bus", "ledger", "claims")
    return Sources(
        bus=bus,
        queues=queues,
        ready=worker.journal.requests.ready,
        count_unfinished=worker.journal.requests.count_unfinished,
        bulkheads=worker.spine.bulkheads,
        certificates=lambda: [*worker.spine.certificates(), *others()],
        clock_skew=worker.spine.clock_skew,
        retries_stopped=worker.kill_switch.retries_stopped,
    )
