"""What is about to be caused at a practice, and what became of it. The ledger's own steps."""

from collections.abc import Sequence
from typing import Protocol

from bridge.ledger import Intent, IntentVerdict, Lease


class SideEffectJournal(Protocol):
    """Intents: written down before anything is sent; see `Journal` for what is raised."""

    def lasts(self, lease: Lease) -> float:
        """Seconds for which the right to work on a request surely lasts: the last word before a send."""

    async def intend(self, lease: Lease, *, kind: str, settle_key: str, payload: bytes) -> Intent:
        """Write down what is about to be sent."""

    async def settle(
        self, lease: Lease, intent: Intent, *, verdict: IntentVerdict, result: bytes | None
    ) -> None:
        """Write down what became of it."""

    async def due_for_check(self, pipeline: str) -> Sequence[str]:
        """Requests in doubt of a pipeline that are due to be checked again."""
