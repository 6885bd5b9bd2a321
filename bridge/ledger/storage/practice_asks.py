"""Practices that an operator wants asked now what their systems are; a running worker does it, once."""

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, LargeBinary, Row, Table, Text, or_, select, update

from bridge.ledger.clocks import utc_now
from bridge.ledger.keys import VaultError
from bridge.ledger.storage.dialects import DIALECTS
from bridge.ledger.storage.metadata import Instant, metadata
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.ledger.vault.sealing import Sealer
from bridge.values import dataclass

_LEASE: Final = timedelta(minutes=3)
"""Longer than a practice is waited for: whoever takes an ask up may be gone by then."""
_OVER_AFTER: Final = timedelta(minutes=15)
"""Who asked has gone by then."""
_AT_A_TIME: Final = 5
_PURPOSE: Final = b"practice ask"

asks = Table(
    "practice_asks",
    metadata,
    Column("practice_ods", Text, primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text, nullable=False),  # user id
    Column("sealed", LargeBinary, nullable=False),  # the person, as the practice is told
    Column("lease_until", Instant),
    Column("ended_at", Instant),
    Column("code", Text),
    Column("detail", Text),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class PracticeAsk:
    """A practice that is to be asked; `requester` is who asks, as JSON."""

    practice_ods: str
    asked_at: datetime
    requester: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskState:
    """How it stands with the last ask of a practice.

    Attributes:
        asked_at, asked_by: when, and by which user of ours.
        ended_at: when the practice had answered, or could not be asked; None: not yet.
        code, detail: why it could not, as of a request that failed.
        is_over: no worker took it up, and none will.
    """

    asked_at: datetime
    asked_by: str
    ended_at: datetime | None
    code: str | None
    detail: str | None
    is_over: bool


class PracticeAsks:
    """Asks, from whoever wants them to whoever does them.

    Args:
        store: the database.
        sealer: seals who asks.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def ask(
        self, practice_ods: str, *, asked_by: str, requester: bytes, also: LedgerStep[object]
    ) -> None:
        """Have a practice asked; one that is to be asked already is asked once. `also`: the audit entry."""
        now = utc_now()
        row = {
            "practice_ods": practice_ods,
            "asked_at": now,
            "asked_by": asked_by,
            "sealed": self._sealer.seal(requester, _context(practice_ods)),
            **dict.fromkeys(("lease_until", "ended_at", "code", "detail")),
        }

        def step(connection: Connection) -> None:
            new = DIALECTS[connection.dialect.name].insert(asks).values(row)
            others = {name: new.excluded[name] for name in row if name != "practice_ods"}
            is_free = or_(asks.c.lease_until.is_(None), asks.c.lease_until < now)
            connection.execute(
                new.on_conflict_do_update(index_elements=["practice_ods"], set_=others, where=is_free)
            )
            also(connection)

        await self._store.write(step)

    async def take(self, first: LedgerStep[None]) -> Sequence[PracticeAsk]:
        """Take some up; nobody else does meanwhile. `first` runs before; nothing is taken when it raises."""
        now = utc_now()
        due = (
            select(asks)
            .where(
                asks.c.ended_at.is_(None),
                asks.c.asked_at > now - _OVER_AFTER,
                or_(asks.c.lease_until.is_(None), asks.c.lease_until < now),
            )
            .order_by(asks.c.asked_at)
            .limit(_AT_A_TIME)
            .with_for_update(skip_locked=True)
        )

        def step(connection: Connection) -> Sequence[PracticeAsk]:
            first(connection)
            found = [ask for row in connection.execute(due) if (ask := self._opened(row)) is not None]
            if found:
                taken = asks.c.practice_ods.in_([ask.practice_ods for ask in found])
                connection.execute(update(asks).where(taken).values(lease_until=now + _LEASE))
            return found

        if not await self._store.read(lambda connection: connection.execute(_ANY).first()):
            return ()
        return await self._store.write(step)

    def _opened(self, row: Row[Any]) -> PracticeAsk | None:
        """An ask; None of one that is sealed with a key which this worker has not, and another one may."""
        try:
            requester = self._sealer.open(row.sealed, _context(row.practice_ods))
        except VaultError:
            return None
        return PracticeAsk(row.practice_ods, row.asked_at, requester)

    async def end(
        self, ask: PracticeAsk, *, code: str | None, detail: str | None, also: LedgerStep[object]
    ) -> None:
        """Write down how it ended; `also`: the audit entry."""
        now = utc_now()

        def step(connection: Connection) -> None:
            same = (asks.c.practice_ods == ask.practice_ods, asks.c.asked_at == ask.asked_at)
            told = {"ended_at": now, "code": code, "detail": detail, "lease_until": None}
            # Nobody needs to know any more as whom the practice was asked; the audit trail does.
            connection.execute(update(asks).where(*same).values(**told, sealed=b""))
            also(connection)

        await self._store.write(step)

    async def state(self, practice_ods: str) -> AskState | None:
        """How it stands with the last ask of a practice; None: nobody asked."""
        last = select(asks).where(asks.c.practice_ods == practice_ods)
        row = await self._store.read(lambda connection: connection.execute(last).first())
        if row is None:
            return None
        is_over = row.ended_at is None and row.asked_at <= utc_now() - _OVER_AFTER
        return AskState(row.asked_at, row.asked_by, row.ended_at, row.code, row.detail, is_over=is_over)


_ANY: Final = select(asks.c.practice_ods).where(asks.c.ended_at.is_(None)).limit(1)


def _context(practice_ods: str) -> bytes:
    return b" ".join((_PURPOSE, practice_ods.encode()))
