"""What a worker sees of those it calls, and practices that an operator wants asked."""

from collections.abc import Sequence
from typing import Protocol

from bridge.contracts.requests import Requester
from bridge.engine.journal.requests import actor_of
from bridge.ledger.audit.trail import AuditTrail, Entry
from bridge.ledger.storage.practice_asks import PracticeAsk, PracticeAsks
from bridge.ledger.storage.sightings import WorkerSighting
from bridge.observe import CallNote


class SightingJournal(Protocol):
    """What this worker sees, for pages of another process. The ledger's own steps."""

    async def keep(self, sighting: WorkerSighting) -> None:
        """Write down what it sees."""

    async def stop(self) -> None:
        """Write down that it looks no more."""


class AskJournal(Protocol):
    """Practices that are to be asked what their systems are, with the audit trail."""

    async def take(self) -> Sequence[PracticeAsk]:
        """Take some up.

        Raises:
            AuditBroken: nothing may be done that cannot be recorded.
        """

    async def end(
        self,
        ask: PracticeAsk,
        person: Requester,
        calls: Sequence[CallNote],
        *,
        code: str | None,
        detail: str | None,
    ) -> None:
        """Write down how it ended; without a code the practice answered."""


class AuditedAsks:
    """Practices that are to be asked, each end in one transaction with its audit entry."""

    def __init__(self, asks: PracticeAsks, trail: AuditTrail) -> None:
        self._asks = asks
        self._trail = trail

    async def take(self) -> Sequence[PracticeAsk]:
        """See `AskJournal.take`."""
        return await self._asks.take(self._trail.check)

    async def end(
        self,
        ask: PracticeAsk,
        person: Requester,
        calls: Sequence[CallNote],
        *,
        code: str | None,
        detail: str | None,
    ) -> None:
        """See `AskJournal.end`."""
        entry = Entry(
            event="practice.capability",
            outcome="failed" if code else "completed",
            code=code,
            actor=actor_of(person),
            practice_ods=ask.practice_ods,
            interaction=calls[-1].interaction if calls else None,
            trace_ids=[note.trace_id for note in calls],
        )
        await self._asks.end(ask, code=code, detail=detail, also=self._trail.step(entry))
