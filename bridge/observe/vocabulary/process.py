"""What happens to a process: its start and stop, its ports, its switch, the claims it hands out, its jobs."""

from typing import ClassVar, Literal

from bridge.observe.vocabulary.base import Code, Level, TelemetryEvent, Words
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class WorkerStarted(TelemetryEvent):
    """A worker takes requests from now on."""

    name: ClassVar[str] = "worker_started"

    pipelines: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class WorkerStopped(TelemetryEvent):
    """A worker has stopped in order."""

    name: ClassVar[str] = "worker_stopped"


@dataclass(frozen=True, slots=True)
class SecretsExposed(TelemetryEvent):
    """Files of these settings may be read by every user of the machine."""

    name: ClassVar[str] = "secrets_exposed"
    level: ClassVar[Level] = "warning"

    settings: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class PortFull(TelemetryEvent):
    """More connections to a port of a worker than it takes: the one that was opened first was closed."""

    name: ClassVar[str] = "port_full"
    level: ClassVar[Level] = "warning"

    port: int
    connections: int


@dataclass(frozen=True, slots=True)
class RetriesStopped(TelemetryEvent):
    """The kill switch was set, or changed: retries of these pipelines are not made; without any, of all."""

    name: ClassVar[str] = "retries_stopped"
    level: ClassVar[Level] = "warning"

    pipelines: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class RetriesAllowed(TelemetryEvent):
    """The kill switch was taken away: retries are made again."""

    name: ClassVar[str] = "retries_allowed"
    level: ClassVar[Level] = "warning"


@dataclass(frozen=True, slots=True)
class KillSwitchUnreadable(TelemetryEvent):
    """The file of the kill switch cannot be read: every retry is stopped."""

    name: ClassVar[str] = "retry_switch_unreadable"
    level: ClassVar[Level] = "error"

    error: Code


@dataclass(frozen=True, slots=True)
class ClaimsServed(TelemetryEvent):
    """The data of large events can be fetched from this worker."""

    name: ClassVar[str] = "claims_served"

    port: int


@dataclass(frozen=True, slots=True)
class ClaimOpened(TelemetryEvent):
    """A consumer fetched the data of a large event."""

    name: ClassVar[str] = "claim_opened"

    consumer: Words
    status: int
    size: int


@dataclass(frozen=True, slots=True)
class ClaimNotKept(TelemetryEvent):
    """A consumer asked for data that is not kept, or not any more."""

    name: ClassVar[str] = "claim_not_kept"

    consumer: Words
    status: int


@dataclass(frozen=True, slots=True)
class ClaimRefused(TelemetryEvent):
    """Somebody asked for the data of a large event without a known token."""

    name: ClassVar[str] = "claim_refused"
    level: ClassVar[Level] = "warning"

    status: int


@dataclass(frozen=True, slots=True)
class ClaimNotOpened(TelemetryEvent):
    """The data of a large event could not be opened: ledger away, audit trail broken, or a key missing."""

    name: ClassVar[str] = "claim_not_opened"
    level: ClassVar[Level] = "error"

    consumer: Words
    status: int
    error: Code


@dataclass(frozen=True, slots=True)
class ScannerAway(TelemetryEvent):
    """The malware scanner gave no verdict on a document: away, too slow, or the document over its limit."""

    name: ClassVar[str] = "scanner_away"
    level: ClassVar[Level] = "error"

    reason: Code


@dataclass(frozen=True, slots=True)
class DocumentInfected(TelemetryEvent):
    """The malware scanner objected to a document: it was deleted, and nobody was given it."""

    name: ClassVar[str] = "document_infected"
    level: ClassVar[Level] = "warning"

    practice_ods: Code
    signature: Code


@dataclass(frozen=True, slots=True)
class JobLeft(TelemetryEvent):
    """A run of a job over dead letters, or of failed requests, ended: it is done, paused or stopped."""

    name: ClassVar[str] = "job_left"

    job: Code
    state: Code
    total: int
    marked: int


@dataclass(frozen=True, slots=True)
class FiguresNotRead(TelemetryEvent):
    """What the figures say of the bus, or of the ledger, could not be read now: they are left out."""

    name: ClassVar[str] = "figures_not_read"
    level: ClassVar[Level] = "debug"

    source: Literal["bus", "ledger"]
    error: Code


@dataclass(frozen=True, slots=True)
class SpansNotSent(TelemetryEvent):
    """Spans of traces are lost: the collector takes none, or too few (told once), or too late at the stop."""

    name: ClassVar[str] = "spans_not_sent"
    level: ClassVar[Level] = "warning"

    reason: Literal["collector", "queue_full", "stopping"]


@dataclass(frozen=True, slots=True)
class SpansLost(TelemetryEvent):
    """How many spans of traces were lost since this was told the last time, and why."""

    name: ClassVar[str] = "spans_lost"
    level: ClassVar[Level] = "debug"

    reason: Literal["collector", "queue_full"]
    spans: int


@dataclass(frozen=True, slots=True)
class SpansSentAgain(TelemetryEvent):
    """The collector takes spans of traces again."""

    name: ClassVar[str] = "spans_sent_again"


@dataclass(frozen=True, slots=True)
class ChoreFailed(TelemetryEvent):
    """Something that a worker does now and then met an error that nobody foresaw; it is tried again."""

    name: ClassVar[str] = "chore_failed"
    level: ClassVar[Level] = "error"

    chore: Code
    error: Code
    at: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class RecorderFailed(TelemetryEvent):
    """Something that listens to what happens raised an error; told once for each, and work goes on."""

    name: ClassVar[str] = "recorder_failed"
    level: ClassVar[Level] = "error"

    recorder: Code
    error: Code
