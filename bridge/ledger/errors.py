"""What can go wrong with the ledger itself.

::

    BridgeError
    ├── LedgerUnavailable   the database cannot do it now: do not acknowledge, try again
    ├── LeaseLost           another worker has taken the request over: drop the work, publish nothing
    ├── BaseMoved           another request about the patient ended first: compare with what is kept now
    ├── IntentOpen          a fault of the pipeline: it must settle before it intends the same again
    └── Misconfigured
        └── NoLedger        it is only to be read, and no worker has made it yet
"""

from bridge.errors import BridgeError, Misconfigured


class NoLedger(Misconfigured):
    """There is none: the first worker that starts makes it."""


class LedgerUnavailable(BridgeError):  # noqa: N818 - named for what happened, as its siblings are
    """The database is gone, full, locked or too slow; whether the last step was kept is not known.

    Args:
        reason: the database's own code (``SQLITE_FULL``, an SQLSTATE) or the type of the error; no data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the ledger is unavailable: {reason}")
        self.reason = reason


class LeaseLost(BridgeError):  # noqa: N818
    """The lease ran out and another worker took the request, or what it was for has ended already."""


class BaseMoved(BridgeError):  # noqa: N818
    """What is kept of a patient is not what this answer was compared with: nothing was written."""


class IntentOpen(BridgeError):  # noqa: N818
    """The request has an intent of this kind of which it is not known what became."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"an intent {kind!r} is open")
        self.kind = kind
