"""Nothing is written down: for measuring what the ledger costs."""

import math
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime

from bridge.engine.journal import Journal
from bridge.gpconnect.answer import PracticeAnswer
from bridge.ledger import BeginResult, Intent, Lease, Opening, OwedEvents, Started, StoredEvent
from bridge.ledger.keys import NotKept
from bridge.ledger.storage.practice_asks import PracticeAsk
from bridge.ledger.storage.sightings import WorkerSighting
from bridge.ledger.storage.store import LedgerStep
from bridge.ledger.vault.bases import KeptBase
from bridge.ledger.vault.vault import ClaimCheck, Deposit


def unrecorded() -> Journal:
    """A journal that keeps nothing."""
    nothing = Unrecorded()
    return Journal(*[nothing] * len(fields(Journal)))


class Unrecorded:
    """Every part of a journal; nothing is written down: for measuring, in the sandbox only."""

    async def begin(self, opening: Opening) -> BeginResult:
        """Every delivery is a new start."""
        now = opening.received_at
        return Started(Lease(opening.request_key, 0, "", 1, opening.attempt, opening.attempt, now))

    async def finish(self, *_: object, **__: object) -> None:
        """Nothing is kept."""

    async def wait(self, *_: object, **__: object) -> None:
        """Nothing is kept."""

    async def reopen(self, _request_key: str, *, check_again_at: datetime) -> None:
        """Nothing is known."""

    async def came_late(self, *_: object, **__: object) -> bool:
        """Nobody has told anything meanwhile."""
        return False

    async def is_superseded(self, _request_key: str) -> bool:
        """Nothing is known."""
        return False

    async def count_unfinished(self) -> None:
        """Nothing is known."""

    async def ready(self) -> Mapping[str, bool]:
        """Always."""
        return {"ledger": True, "audit": True}

    async def release(self, _lease: Lease) -> None:
        """Nothing is held."""

    async def due_for_check(self, _pipeline: str) -> Sequence[str]:
        """Nothing is known."""
        return ()

    async def stored_events(self, _request_key: str) -> Sequence[StoredEvent]:
        """Nothing is kept."""
        return ()

    async def published(self, _request_key: str, _event_ids: Collection[str]) -> None:
        """Nothing is owed."""

    async def unpublished(self) -> Sequence[OwedEvents]:
        """Nothing is owed."""
        return ()

    def lasts(self, _lease: Lease) -> float:
        """For ever: there is nobody else."""
        return math.inf

    async def intend(self, lease: Lease, *, kind: str, settle_key: str, payload: bytes) -> Intent:
        """Nothing is kept."""
        return Intent(0, lease.request_key, kind, settle_key, datetime.now(UTC), payload)

    async def settle(self, *_: object, **__: object) -> None:
        """Nothing is kept."""

    async def keep(self, _sighting: WorkerSighting) -> None:
        """Nothing is kept."""

    async def stop(self) -> None:
        """Nothing is kept."""

    async def take(self) -> Sequence[PracticeAsk]:
        """Nothing is known."""
        return ()

    async def end(self, *_: object, **__: object) -> None:
        """Nothing is kept."""

    async def fold_quality(self) -> bool:
        """Nothing is kept."""
        return False

    async def keep_answer(self, *_: object) -> None:
        """Nothing is kept."""

    async def sealed(self, *_: object) -> LedgerStep[None]:
        """Nothing is kept."""
        return lambda _connection: None

    async def kept_answers(self, _request_key: str) -> Sequence[tuple[str, PracticeAnswer]]:
        """Nothing is kept."""
        return ()

    async def last(self, _patient_key: str) -> KeptBase:
        """Nothing is kept."""
        return KeptBase()

    async def check_in(self, *_: object) -> ClaimCheck:
        """Not possible: the settings are refused."""
        raise NotKept("nothing is kept")

    def deposit(self, *_: object) -> Deposit:
        """Not possible: the settings are refused."""
        raise NotKept("nothing is kept")

    async def check_out(self, *_: object) -> tuple[ClaimCheck, AsyncIterator[bytes]]:
        """Nothing is kept."""
        raise NotKept("nothing is kept")
