"""The ledger: what was asked, what was sent and answered, and how it ended; durable before it is said."""

from bridge.ledger.balance import Balance, Discrepancy
from bridge.ledger.errors import IntentOpen, LeaseLost, LedgerUnavailable
from bridge.ledger.history import RequestHistory
from bridge.ledger.ledger import Ledger
from bridge.ledger.model import (
    Behind,
    Claim,
    Conflict,
    Ended,
    EndState,
    Intent,
    Lease,
    Opening,
    Outbox,
    Reopened,
    Requester,
    Running,
    Started,
    State,
    StoredEvent,
    UpstreamCall,
    Verdict,
    request_key,
)
from bridge.ledger.opening import open_ledger
from bridge.ledger.recovery import Recovery
from bridge.ledger.retention import Pruned
from bridge.ledger.sealing import Sealer

__all__ = [
    "Balance",
    "Behind",
    "Claim",
    "Conflict",
    "Discrepancy",
    "EndState",
    "Ended",
    "Intent",
    "IntentOpen",
    "Lease",
    "LeaseLost",
    "Ledger",
    "LedgerUnavailable",
    "Opening",
    "Outbox",
    "Pruned",
    "Recovery",
    "Reopened",
    "RequestHistory",
    "Requester",
    "Running",
    "Sealer",
    "Started",
    "State",
    "StoredEvent",
    "UpstreamCall",
    "Verdict",
    "open_ledger",
    "request_key",
]
