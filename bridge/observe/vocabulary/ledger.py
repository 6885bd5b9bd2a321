"""What happens to the ledger, its keys and the audit trail."""

from typing import ClassVar, Literal

from bridge.observe.vocabulary.base import Code, Level, TelemetryEvent, Words
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class LedgerOpened(TelemetryEvent):
    """A worker opened the ledger; what others left unfinished is named, and is taken up again by itself."""

    name: ClassVar[str] = "ledger_opened"

    worker: Code
    left_running: int
    request_keys: tuple[Words, ...]
    open_intents: int
    unpublished: int


@dataclass(frozen=True, slots=True)
class DatabasePassedOver(TelemetryEvent):
    """One of several database servers gave no connection, and another one did."""

    name: ClassVar[str] = "database_passed_over"
    level: ClassVar[Level] = "warning"

    node: Code
    cause: Code


@dataclass(frozen=True, slots=True)
class LedgerDisabled(TelemetryEvent):
    """A worker runs without a ledger (sandbox only): nothing is remembered."""

    name: ClassVar[str] = "ledger_disabled"
    level: ClassVar[Level] = "warning"


@dataclass(frozen=True, slots=True)
class LedgerAway(TelemetryEvent):
    """The ledger cannot be read or written now; requests wait, and chores are done later."""

    name: ClassVar[str] = "ledger_unavailable"

    reason: Code
    task: Literal["request", "owed_events", "in_doubt", "keys", "quality", "sightings", "asks", "partitions"]

    @property
    def severity(self) -> Level:
        """An error where a request waits for it."""
        return "error" if self.task == "request" else "warning"


@dataclass(frozen=True, slots=True)
class IndexesNotMade(TelemetryEvent):
    """Indexes of a large ledger could not be made beside workers: lists are slow; the next start tries."""

    name: ClassVar[str] = "indexes_not_made"
    level: ClassVar[Level] = "warning"

    reason: Code


@dataclass(frozen=True, slots=True)
class PartitionsUnchanged(TelemetryEvent):
    """Partitions could not be made ahead, or dropped: bodies lie with the rest, or are deleted one by one."""

    name: ClassVar[str] = "partitions_unchanged"
    level: ClassVar[Level] = "warning"

    reason: Code
    task: Literal["make", "drop"]


@dataclass(frozen=True, slots=True)
class LedgerNotPartitioned(TelemetryEvent):
    """Large tables of bodies have no partitions; ``bridge ledger upgrade`` makes them while workers wait."""

    name: ClassVar[str] = "ledger_not_partitioned"
    level: ClassVar[Level] = "warning"

    tables: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class LeasesNotRenewed(TelemetryEvent):
    """The leases of what this worker has in hand could not be renewed; it tries again."""

    name: ClassVar[str] = "leases_not_renewed"
    level: ClassVar[Level] = "warning"

    reason: Code


@dataclass(frozen=True, slots=True)
class AuditTrailBegun(TelemetryEvent):
    """A new ledger got its audit trail. In a ledger that is not new this is an alarm."""

    name: ClassVar[str] = "audit_trail_begun"
    level: ClassVar[Level] = "warning"


@dataclass(frozen=True, slots=True)
class AuditFoundBroken(TelemetryEvent):
    """The audit trail is not as it was left; nothing is asked of anybody until it is resumed."""

    name: ClassVar[str] = "audit_broken"
    level: ClassVar[Level] = "error"

    detail: Words


@dataclass(frozen=True, slots=True)
class AuditHeads(TelemetryEvent):
    """The last entry of each chain of the audit trail, for comparison from outside of the database."""

    name: ClassVar[str] = "audit_heads"

    heads: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class KeyRingRead(TelemetryEvent):
    """A key ring was replaced and is in use."""

    name: ClassVar[str] = "key_ring_read"

    file: Code
    current: Code


@dataclass(frozen=True, slots=True)
class KeyRingUnreadable(TelemetryEvent):
    """A key ring was replaced by something unusable; the old keys stay in use."""

    name: ClassVar[str] = "key_ring_unreadable"
    level: ClassVar[Level] = "error"

    problems: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class KeysDiffer(TelemetryEvent):
    """A key ring was replaced while the worker runs, and is not the ledger's."""

    name: ClassVar[str] = "keys_differ"
    level: ClassVar[Level] = "error"

    problems: tuple[Words, ...]
