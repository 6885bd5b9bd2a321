"""The ledger: what was asked, what was sent and answered, and how it ended; durable before it is said."""

from bridge.ledger.errors import BaseMoved, IntentOpen, LeaseLost, LedgerUnavailable
from bridge.ledger.ledger import Ledger
from bridge.ledger.model import (
    BeginResult,
    Behind,
    Circumstances,
    Conflict,
    Ended,
    EndState,
    FollowUp,
    Intent,
    IntentVerdict,
    Lease,
    NewBase,
    Opening,
    OwedEvents,
    QualityFound,
    QualityKind,
    QualityNote,
    RecordedCall,
    Reopened,
    Reopening,
    RequesterFacts,
    Running,
    Started,
    State,
    StoredEvent,
    request_key,
)
from bridge.ledger.opening import open_ledger
from bridge.ledger.storage.balance import Balance, Discrepancy
from bridge.ledger.storage.history import RequestHistory
from bridge.ledger.storage.recovery import Recovery
from bridge.ledger.storage.retention import PrunedRequests
from bridge.ledger.storage.unfinished import OpenRequests, Unfinished
from bridge.ledger.vault.sealing import Sealer

__all__ = [
    "Balance",
    "BaseMoved",
    "BeginResult",
    "Behind",
    "Circumstances",
    "Conflict",
    "Discrepancy",
    "EndState",
    "Ended",
    "FollowUp",
    "Intent",
    "IntentOpen",
    "IntentVerdict",
    "Lease",
    "LeaseLost",
    "Ledger",
    "LedgerUnavailable",
    "NewBase",
    "OpenRequests",
    "Opening",
    "OwedEvents",
    "PrunedRequests",
    "QualityFound",
    "QualityKind",
    "QualityNote",
    "RecordedCall",
    "Recovery",
    "Reopened",
    "Reopening",
    "RequestHistory",
    "RequesterFacts",
    "Running",
    "Sealer",
    "Started",
    "State",
    "StoredEvent",
    "Unfinished",
    "open_ledger",
    "request_key",
]
