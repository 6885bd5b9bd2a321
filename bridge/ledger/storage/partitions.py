"""Partitions of the tables of bodies, on PostgreSQL: what is over is dropped with its month, not row by row.

Bodies are most of a ledger, and go first. A partition holds those of a month (or a day) by the time that
decides when they go: of events the end of their request, of answers and documents when they are over.
Workers make partitions ahead; a row that finds none lies with the rest until its own is made: none waits.
Tables that have none work the same, and are pruned row by row.

Other tables stay whole: see `bridge/decisions/partitions-of-bodies.md`.

The statements are functions of the database (migration 0014), so that a worker whose role owns no table may
use them. Each waits for a lock for a moment only: whoever waits holds up those that come after.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.observe import record
from bridge.observe.vocabulary.ledger import PartitionsUnchanged
from bridge.values import dataclass

PartitionPeriod = Literal["month", "day"]

TABLES: Final = ("event_bodies", "answer_bodies", "claim_parts")
AHEAD: Final[Mapping[PartitionPeriod, timedelta]] = {"month": timedelta(days=31), "day": timedelta(days=3)}
"""How far ahead of the last row there are parts: workers may be away for that long."""
_LOCK: Final = 0x6770_6C65_6470_6172
"""Names the advisory lock of whoever makes or drops parts (the ASCII of ``gpledpar``)."""
_LOCK_WAIT: Final = "SET LOCAL lock_timeout = '800ms'"
"""Less than a server's ``deadlock_timeout`` (a second): this one gives way, not the worker it waits for."""
_LONG_WAIT: Final = "SET LOCAL lock_timeout = '60s'"
_BOUND: Final = re.compile(r"FOR VALUES FROM \((MINVALUE|'[^']+')\) TO \('([^']+)'\)")
_PARTS: Final = text(
    "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_inherits JOIN pg_class ON oid = inhrelid"
    " WHERE inhparent = to_regclass(:whole)"
)


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a table: rows from `lower` (None: from the first) up to and without `upper`."""

    table: str
    name: str
    lower: datetime | None
    upper: datetime


def of(connection: Connection, table: str) -> list[Partition]:
    """A step: the parts of a table, oldest first, without the rest; none when it is not parted."""
    if connection.dialect.name != "postgresql":
        return []
    found = [
        Partition(table, name, _moment(bound[1]), datetime.fromisoformat(bound[2]))
        for name, told in connection.execute(_PARTS, {"whole": table})
        if (bound := _BOUND.fullmatch(told))
    ]
    return sorted(found, key=lambda each: each.upper)


def whole(connection: Connection) -> list[str]:
    """A step: those of `TABLES` that are not parted, on a database where they could be."""
    if connection.dialect.name != "postgresql":
        return []
    parted = text(
        "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = current_schema()::regnamespace"
    )
    found = set(connection.scalars(parted))
    return [table for table in TABLES if table not in found]


def part(table: str) -> LedgerStep[None]:
    """The step that parts a table as it is; it is read once, and nobody uses it meanwhile."""

    def step(connection: Connection) -> None:
        connection.execute(text(_LONG_WAIT))
        if table in whole(connection):
            connection.execute(text("SELECT ledger_partition(:whole)"), {"whole": table})

    return step


async def make_ahead(
    store: Store, needed: Mapping[str, datetime], period: PartitionPeriod, *, now: datetime
) -> None:
    """Make the parts that are lacking, each in a moment of its own.

    Args:
        store: the ledger's database.
        needed: until when rows may be known by, of each table.
        period: how much is in one part.
        now: what time it is.
    """
    for lacking in await store.read(partial(_lacking, needed=needed, period=period, now=now)):
        await _try(store, partial(_add, lacking), "make")


async def drop_over(store: Store, over: Mapping[str, datetime]) -> list[Partition]:
    """Drop the parts of which every row is known by a moment before the one that is given for their table.

    What must stay of one lies with the rest then.
    """
    dropped = []
    for table, before in over.items():
        found = await store.read(partial(of, table=table))
        dropped += [
            each for each in found if each.upper <= before and await _try(store, partial(_drop, each), "drop")
        ]
    return dropped


def _lacking(
    connection: Connection, needed: Mapping[str, datetime], period: PartitionPeriod, now: datetime
) -> list[Partition]:
    parted = set(needed).difference(whole(connection)) if connection.dialect.name == "postgresql" else ()
    lacking = []
    for table in parted:
        known = of(connection, table)
        begun = _floor(now, period)
        lower = max(known[-1].upper, begun) if known else begun
        while lower < needed[table] + AHEAD[period]:
            upper = _after(lower, period)
            lacking.append(Partition(table, "", lower, upper))
            lower = upper
    return lacking


async def _try(store: Store, step: LedgerStep[bool], task: Literal["make", "drop"]) -> bool:
    try:
        return await store.write(step)
    except LedgerUnavailable as fault:
        record(PartitionsUnchanged(reason=fault.reason, task=task))
    except ProgrammingError as error:
        record(PartitionsUnchanged(getattr(error.orig, "sqlstate", None) or type(error.orig).__name__, task))
    return False


def _add(lacking: Partition, connection: Connection) -> bool:
    known = _alone(connection, lacking.table)
    if any(each.upper >= lacking.upper for each in known):
        return False
    connection.execute(
        text("SELECT ledger_add_partition(:whole, :lower, :upper)"),
        {"whole": lacking.table, "lower": lacking.lower, "upper": lacking.upper},
    )
    return True


def _drop(over: Partition, connection: Connection) -> bool:
    if over not in _alone(connection, over.table):
        return False
    connection.execute(
        text("SELECT ledger_drop_partition(:whole, :part)"), {"whole": over.table, "part": over.name}
    )
    return True


def _alone(connection: Connection, table: str) -> list[Partition]:
    """The parts of a table, which nobody else changes until the transaction ends."""
    connection.execute(text(_LOCK_WAIT))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return of(connection, table)


def _moment(bound: str) -> datetime | None:
    return None if bound == "MINVALUE" else datetime.fromisoformat(bound.strip("'"))


def _floor(moment: datetime, period: PartitionPeriod) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if period == "day" else day.replace(day=1)


def _after(moment: datetime, period: PartitionPeriod) -> datetime:
    if period == "day":
        return moment + timedelta(days=1)
    return _floor(moment.replace(day=1) + timedelta(days=32), "month")
