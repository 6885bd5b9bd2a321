"""What operations work on: the stores and the queues of this installation, opened; and who acts."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

from bridge.bus import open_bus
from bridge.bus.administered import have_queues, topology
from bridge.bus.port import DeadLetterStore, QueueInspection, QueueSpec, Transport
from bridge.engine.mllp.rendered import HL7V2_DELIVERY, delivery_queue
from bridge.ledger import Ledger, open_ledger
from bridge.ledger.audit.trail import Actor, AuditTrail
from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.keys import key_faults, open_keys
from bridge.ledger.opening import open_store
from bridge.ledger.storage.dead_letter_jobs import DeadLetterJobs
from bridge.ledger.storage.practice_asks import PracticeAsks
from bridge.ledger.storage.replay_jobs import ReplayJobs
from bridge.ledger.storage.sightings import Sightings
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.ledger.vault.bases import ChangeBases
from bridge.ledger.vault.vault import Vault
from bridge.pipelines.installed import installed_pipelines
from bridge.settings import Settings
from bridge.values import dataclass

__all__ = [
    "Actor",
    "LedgerUnavailable",
    "Queues",
    "Stores",
    "key_faults",
    "open_queues",
    "open_stores",
    "open_trail",
    "operator",
]

_OPERATOR = "Operator"


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that this installation writes down, opened.

    Attributes:
        settings: of the installation.
        ledger: what happened to each request.
        trail: who asked about whom, and who did what.
        vault: answers of practices and data of large events, sealed.
        bases: what patients' next answers are compared with, sealed.
        dead_letter_jobs: that send dead letters again, or discard them.
        replay_jobs: jobs that ask failed requests again.
        sightings: what workers see of those they call.
        asks: practices that a worker is to ask what their systems are.
    """

    settings: Settings
    ledger: Ledger
    trail: AuditTrail
    vault: Vault
    bases: ChangeBases
    dead_letter_jobs: DeadLetterJobs
    replay_jobs: ReplayJobs
    sightings: Sightings
    asks: PracticeAsks


class OperatedBus(Transport, DeadLetterStore, QueueInspection, Protocol):
    """A bus as an operator needs it: nothing is consumed."""


@dataclass(frozen=True, slots=True)
class Queues:
    """The bus, started, and declared queues on it by the name of their pipeline."""

    bus: OperatedBus
    by_pipeline: Mapping[str, QueueSpec]


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """The ledger of this installation with its trail, vault and jobs.

    Raises:
        Misconfigured: the database or a key ring cannot be used.
        LedgerUnavailable: the database cannot be reached now.
    """
    keys = open_keys(settings)
    sealer = AesGcmSealer(keys.vault)
    async with open_ledger(settings, sealer) as ledger:
        trail = AuditTrail(ledger.store, keys.audit, sealer, requests_kept_for=_kept_for(settings))
        await trail.prepare()
        lease = timedelta(seconds=settings.ledger.lease_seconds)
        yield Stores(
            settings,
            ledger,
            trail,
            Vault(ledger.store, sealer, keep_answers=timedelta(days=settings.vault.keep_answers_days)),
            ChangeBases(ledger.store, sealer),
            DeadLetterJobs(ledger.store, lease=lease),
            ReplayJobs(ledger.store, sealer, lease=lease),
            Sightings(ledger.store, ledger.worker_id),
            PracticeAsks(ledger.store, sealer),
        )


@asynccontextmanager
async def open_trail(settings: Settings) -> AsyncIterator[AuditTrail]:
    """The audit trail as it is: nothing is begun, migrated or changed.

    Raises:
        NoLedger: there is none yet.
        Misconfigured, LedgerUnavailable: as `open_stores`.
    """
    keys = open_keys(settings)
    async with open_store(settings, read_only=True) as store:
        sealer = AesGcmSealer(keys.vault)
        yield AuditTrail(store, keys.audit, sealer, requests_kept_for=_kept_for(settings))


@asynccontextmanager
async def open_queues(settings: Settings, pipelines: Sequence[str] = ()) -> AsyncIterator[Queues]:
    """The declared queues of these pipelines (all that are installed, when none is named).

    Where a peer is set the one from which HL7 v2 messages are sent to it is among them.

    Raises:
        Misconfigured: a pipeline is unknown, or the bus cannot be used.
    """
    by_pipeline = queues_of(settings, pipelines)
    async with open_bus(settings, join=True) as bus:
        await have_queues(bus, list(by_pipeline.values()))
        yield Queues(bus, by_pipeline)


def queues_of(settings: Settings, pipelines: Sequence[str] = ()) -> dict[str, QueueSpec]:
    """The queues of these pipelines by name; see `open_queues`.

    Raises:
        Misconfigured: a pipeline is unknown.
    """
    prefix = settings.bus.prefix
    sends = settings.mllp.peer is not None and (not pipelines or HL7V2_DELIVERY in pipelines)
    others = [name for name in pipelines if not (sends and name == HL7V2_DELIVERY)]
    installed = installed_pipelines(others) if others or not pipelines else []
    queues = {pipeline.name: pipeline.queue(prefix) for pipeline in installed}
    return queues | ({HL7V2_DELIVERY: delivery_queue(prefix)} if sends else {})


def topology_of(settings: Settings) -> Mapping[str, object]:
    """What all installed pipelines need on the broker, as JSON for its own tools; nothing is connected.

    Raises:
        Misconfigured: the bus of ``BRIDGE_BUS_URL`` does not tell.
    """
    return topology(settings, list(queues_of(settings).values()))


def operator(settings: Settings, user: str, name: str | None = None) -> Actor:
    """Who acts, for the audit trail.

    Args:
        settings: the first organisation of the site is theirs.
        user: as whoever let them in knows them: the operating system, for a command.
        name: that they gave; else the same.
    """
    organisation = next(iter(settings.consumer.organisations), "")
    return Actor(user_id=user, name=name or user, role=_OPERATOR, organisation=organisation)


def _kept_for(settings: Settings) -> timedelta:
    return timedelta(days=settings.ledger.keep_metadata_days)
