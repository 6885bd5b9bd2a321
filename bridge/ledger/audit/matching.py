"""Whether ledger and audit trail know the same requests, where both are written at once.

Requests and the keys in entries are gone through so many at a time, each part in a short step of its own.
What belongs to a row is looked up row by row (a subquery with LIMIT is never joined), so that a part costs
the same in a ledger of any size.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeVar, get_args

import orjson
from sqlalchemy import Column, ColumnElement, Connection, func, select

from bridge.ledger.audit.chain import MAX_TEXT, entries
from bridge.ledger.model import EndState
from bridge.ledger.storage.store import LedgerStep, Progress, Store
from bridge.ledger.storage.tables import requests
from bridge.values import dataclass

T = TypeVar("T")
_Look = Callable[[Connection, Sequence[ColumnElement[bool]]], T]

FORGOTTEN: Final = "requests.forgotten"
"""Event of the entry that is written before requests are erased whose time is over."""
ENDED_BEFORE: Final = "ended_before"
"""Its fact: the moment before which they had ended (ISO 8601)."""

PART: Final = 2_000
"""Rows that are looked at in one step."""
_NAMED: Final = 20
_SLACK: Final = timedelta(days=1)
"""An entry is stamped a moment after its request has ended, perhaps by another clock."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Requests that only one of ledger and trail knows, where both are written at once.

    Attributes:
        kind: ``unrecorded``: the ledger has its end and the trail does not: the trail was wiped or put back,
            or somebody wrote to the ledger. ``unheld``: the trail has entries of it and the ledger, which
            forgets none so young, does not hold it: somebody deleted it there.
        count: how many.
        request_keys: of the oldest.
    """

    kind: Literal["unrecorded", "unheld"]
    count: int
    request_keys: Sequence[str]
    chain: None = None

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.request_keys) else ""
        return f"{self.kind} {self.count} requests: {', '.join(self.request_keys)}{more}"


def erased_before(details: str) -> datetime:
    """Before when requests had ended that were erased, as the details of an entry `FORGOTTEN` say."""
    return datetime.fromisoformat(orjson.loads(details)["facts"][ENDED_BEFORE])


async def unrecorded(store: Store, progress: Progress, *, part: int = PART) -> Unmatched:
    """Requests that have ended and of whose end the trail has no entry."""
    count, named = 0, list[str]()
    async for more, keys in _parts(store, requests.c.id, _lacking, progress, part):
        count += more
        named += keys
    return Unmatched("unrecorded", count, named[:_NAMED])


async def unheld(store: Store, erased: datetime | None, progress: Progress, *, part: int = PART) -> Unmatched:
    """Requests of which the trail has entries, and which the ledger does not hold.

    Args:
        store: of both.
        erased: requests that had ended before may have been erased; None: none was.
        progress: told after each part how many entries were looked at.
        part: about so many are looked at in one step.
    """
    count, named = 0, list[tuple[datetime, str]]()

    def gone(
        connection: Connection, within: Sequence[ColumnElement[bool]]
    ) -> tuple[int, list[tuple[datetime, str]]]:
        return _gone(connection, within, erased)

    async for more, keys in _parts(store, entries.c.request_key, gone, progress, part):
        count += more
        named = sorted([*named, *keys])[:_NAMED]
    return Unmatched("unheld", count, [key for _, key in named])


async def _parts(
    store: Store, column: Column[Any], look: _Look[T], progress: Progress, size: int
) -> AsyncIterator[T]:
    """What `look` finds in each part of a table, in the order of an indexed column."""
    looked_at, after, is_over = 0, None, False
    while not is_over:
        found, after = await store.read(_part(column, after, look, size))
        yield found
        is_over = after is None
        looked_at += size
        if not is_over:
            progress(looked_at, None)


def _part(column: Column[Any], after: Any, look: _Look[T], size: int) -> LedgerStep[tuple[T, Any]]:
    """A step: what `look` finds among the next `size` rows, and where the part after them begins."""
    within = [column.is_not(None) if after is None else column > after]

    def step(connection: Connection) -> tuple[T, Any]:
        # Rows of the same value are all in one part.
        last = connection.scalar(select(column).where(*within).order_by(column).offset(size - 1).limit(1))
        return look(connection, [*within, column <= last] if last is not None else within), last

    return step


def _lacking(connection: Connection, within: Sequence[ColumnElement[bool]]) -> tuple[int, Sequence[str]]:
    recorded = entries.c.request_key == func.substr(requests.c.request_key, 1, MAX_TEXT)
    entry = select(entries.c.sequence).where(recorded, entries.c.outcome == requests.c.state).limit(1)
    lacking = [*within, requests.c.state.in_(get_args(EndState)), entry.scalar_subquery().is_(None)]
    count = connection.scalar(select(func.count()).select_from(requests).where(*lacking)) or 0
    named = select(requests.c.request_key).where(*lacking).order_by(requests.c.id).limit(_NAMED)
    return count, connection.scalars(named).all() if count else ()


def _gone(
    connection: Connection, within: Sequence[ColumnElement[bool]], erased: datetime | None
) -> tuple[int, list[tuple[datetime, str]]]:
    """By its first entry, because others may come after its end: who looked at the answer, who found out."""
    key, first = entries.c.request_key, func.min(entries.c.recorded_at)
    held = select(requests.c.id).where(requests.c.request_key == key).limit(1).scalar_subquery()
    # A key that had to be cut is nobody's.
    gone = select(first, key).where(*within, func.length(key) < MAX_TEXT, held.is_(None)).group_by(key)
    if erased is not None:
        gone = gone.having(first >= erased + _SLACK)
    found = [(moment, name) for moment, name in connection.execute(gone)]
    return len(found), sorted(found)[:_NAMED]
