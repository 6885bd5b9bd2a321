"""What an operator asks of the ledger, finds out, or has erased; it takes no lease."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from bridge.ledger.clocks import Clock
from bridge.ledger.storage import (
    balance,
    causes,
    history,
    in_doubt,
    listing,
    overview,
    quality,
    recovery,
    retention,
    unfinished,
)
from bridge.ledger.storage.store import LedgerStep, Progress, Store, untold
from bridge.settings import LedgerSettings

_FOLDS: Final = 25
"""Transactions that a look at the quality of records makes at most, to count what ended just now."""


class Oversight:
    """The ledger as a whole; see `Ledger.oversight`.

    Every method may raise `LedgerUnavailable`.
    """

    def __init__(self, store: Store, settings: LedgerSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    async def draw_balance(
        self,
        *,
        pipeline: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        progress: Progress = untold,
    ) -> balance.Balance:
        """Where the requests received in a period are now, and what does not add up; `progress` is told."""
        period = balance.BalancePeriod(pipeline, since, until)
        return await balance.draw_balance(
            self._store, period, late_since=self._late_since(), progress=progress
        )

    async def count_waiting(self, pipeline: str) -> int:
        """How many requests of a pipeline wait for another try at this moment."""
        return await self._store.read(lambda connection: balance.count_waiting(connection, pipeline))

    async def size(self) -> int:
        """About how many requests there are: never fewer."""
        return await self._store.read(balance.size)

    async def request_history(self, request_key: str) -> history.RequestHistory | None:
        """The whole history of one request; None when the ledger does not know it."""
        return await self._store.read(lambda connection: history.request_history(connection, request_key))

    async def list_requests(
        self, wanted: listing.RequestFilter, *, after: listing.Cursor | None = None, limit: int = 50
    ) -> listing.RequestPage:
        """A page of requests, newest first; `after` is of the page before, `limit` is its most lines."""
        return await self._store.read(
            lambda connection: listing.list_requests(connection, wanted, after=after, limit=limit)
        )

    async def find(self, reference: str, *, limit: int = 100) -> Sequence[listing.RequestLine]:
        """The requests that a key, a sender's id, a correlation or event id may mean, newest first."""
        return await self._store.read(lambda connection: listing.find(connection, reference, limit=limit))

    async def count_causes(
        self, *, since: datetime | None = None, until: datetime | None = None, pipeline: str | None = None
    ) -> Sequence[causes.CauseCount]:
        """Why requests ended without success in a period, most frequent first."""
        return await self._store.read(
            lambda connection: causes.count_causes(connection, since=since, until=until, pipeline=pipeline)
        )

    async def pipelines(self, *, since: datetime) -> Sequence[overview.PipelineOverview]:
        """How each pipeline goes: requests received since then, and what is open now."""
        return await self._store.read(lambda connection: overview.pipelines(connection, since=since))

    async def practices(self, *, since: datetime) -> Sequence[overview.PracticeOverview]:
        """How requests to each practice that was asked since then ended, the worst first."""
        return await self._store.read(lambda connection: overview.practices(connection, since=since))

    async def fold_quality(self) -> bool:
        """Count some of what requests left of how good records were; whether more may be left."""
        return await self._store.write(quality.fold)

    async def quality(
        self, *, since: date, practice_ods: str | None, supplier_ods: str | None, by_practice: bool
    ) -> tuple[datetime | None, Sequence[quality.QualityLine]]:
        """How good records were from a day on, and up to when they are counted; None: all are."""
        folds = 0
        while folds < _FOLDS and await self.fold_quality():
            folds += 1

        def step(connection: Connection) -> tuple[datetime | None, Sequence[quality.QualityLine]]:
            lines = quality.summary(
                connection,
                since=since,
                practice_ods=practice_ods,
                supplier_ods=supplier_ods,
                by_practice=by_practice,
            )
            return quality.counted_until(connection), lines

        return await self._store.read(step)

    async def survey(self) -> recovery.Recovery:
        """What workers that are gone have left unfinished."""
        now, before = self._clock(), self._late_since()
        return await self._store.read(
            lambda connection: recovery.survey(connection, now=now, ended_before=before)
        )

    async def count_unfinished(self) -> unfinished.Unfinished:
        """How much has not ended, is in doubt, or is owed; as cheap in a large ledger as in a small one."""
        return await self._store.read(unfinished.count_unfinished)

    async def keys_in_doubt(self) -> Sequence[str]:
        """Keys of all requests in doubt of which no person has found out what was done."""
        return await self._store.read(in_doubt.keys_in_doubt)

    async def check_soon(self, request_key: str, *, also: LedgerStep[object]) -> bool:
        """Have a request in doubt checked next, also one that was given up; False when it is not in doubt.

        Args:
            request_key: of the request.
            also: as for `close`.
        """
        now = self._clock()

        def step(connection: Connection) -> bool:
            is_due = in_doubt.check_soon(connection, request_key, now=now)
            if is_due:
                also(connection)
            return is_due

        return await self._store.write(step)

    async def close(self, request_key: str, *, also: LedgerStep[object]) -> bool:
        """Note that a person has found out what was done; False when it is not in doubt, or being checked.

        Args:
            request_key: of the request.
            also: runs in the same transaction if it is noted: the entry in the audit trail.
        """
        now = self._clock()

        def step(connection: Connection) -> bool:
            is_closed = in_doubt.close(connection, request_key, now=now)
            if is_closed:
                also(connection)
            return is_closed

        return await self._store.write(step)

    async def prune(self, now: datetime, *, progress: Progress = untold) -> retention.PrunedRequests:
        """Delete bodies and requests whose time is over (settings ``BRIDGE_LEDGER_KEEP_…``)."""
        return await retention.prune(
            self._store,
            messages_before=now - timedelta(days=self._settings.keep_failed_messages_days),
            bodies_before=now - timedelta(days=self._settings.keep_bodies_days),
            requests_before=now - timedelta(days=self._settings.keep_metadata_days),
            progress=progress,
        )

    def _late_since(self) -> datetime:
        return self._clock() - timedelta(seconds=self._settings.lease_seconds)
