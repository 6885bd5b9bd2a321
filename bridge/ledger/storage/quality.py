"""What practices sent, as far as it says how good it is: counted per day, practice, area and code.

A request that ends leaves one small row of its own: for a count that many requests add to at once, workers
would wait for each other. Later whoever comes by folds such rows into counts of a day, and they are gone: so
what a page adds up grows with days and practices, and not with requests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    Select,
    Table,
    Text,
    case,
    delete,
    func,
    literal_column,
    select,
    tuple_,
)

from bridge.ledger.model import QualityFound, QualityKind
from bridge.ledger.storage.dialects import ByDialect
from bridge.ledger.storage.group_commit import add_rows
from bridge.ledger.storage.metadata import Id, Instant, metadata
from bridge.values import dataclass

_LOCK: Final = 0x6770_6C65_6466_6C64
"""Names the advisory lock of whoever folds (the ASCII of ``gpledfld``): two would wait for each other."""
_AT_ONCE: Final = 200
"""Rows that one transaction folds."""
_PLACES_AT_ONCE: Final = 20
"""Practices of which one transaction deletes the counts of a day."""

notes = Table(
    "quality_notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("ended_at", Instant, nullable=False),
    Column("practice_ods", Text, nullable=False),
    Column("supplier_ods", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("found", Text, nullable=False),  # JSON: kind, area, code, count and example of each
)
days = Table(
    "quality_days",
    metadata,
    Column("day", Text, primary_key=True),  # in UTC
    Column("practice_ods", Text, primary_key=True),
    Column("supplier_ods", Text, primary_key=True),  # empty: the directory did not say
    Column("area", Text, primary_key=True),  # empty: none
    Column("kind", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    # Moment, practice, reference and request of the last one that can be shown: the greatest is the newest.
    Column("example", Text, nullable=False),
    sqlite_with_rowid=False,
)
_KEY: Final = tuple(column.name for column in days.primary_key)


@dataclass(frozen=True, slots=True)
class QualityExample:
    """Where something was met last: at which practice, in which resource, in answer to which request."""

    at: datetime
    practice_ods: str
    source_ref: str
    request_key: str

    def __str__(self) -> str:
        moment = f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{moment} {self.practice_ods} {self.source_ref} {self.request_key}"

    @classmethod
    def parse(cls, text: str) -> "QualityExample | None":
        """The example of a text; None of an empty one."""
        if not text:
            return None
        moment, practice, ref, request = text.split(" ", 3)
        return cls(datetime.fromisoformat(moment).replace(tzinfo=UTC), practice, ref, request)


@dataclass(frozen=True, slots=True)
class QualityLine:
    """What was met of one kind in a period.

    Attributes:
        supplier_ods: whose system sent it; None: the directory did not say.
        practice_ods: who sent it; None of all practices of the supplier together.
        practices: how many did.
        count: how often.
        records: in how many records.
        first_day, last_day: when, in UTC.
        example: the last one that can be shown.
    """

    supplier_ods: str | None
    practice_ods: str | None
    area: str
    kind: QualityKind
    code: str
    practices: int
    count: int
    records: int
    first_day: date
    last_day: date
    example: QualityExample | None


@dataclass(slots=True)
class _Sum:
    count: int = 0
    records: int = 0
    example: str = ""


@dataclass(slots=True)
class _Folded:
    sums: dict[tuple[str, ...], _Sum] = field(default_factory=dict)

    def add(self, row: Any) -> None:
        day = f"{row.ended_at.astimezone(UTC):%Y-%m-%d}"
        for kind, area, code, count, ref in orjson.loads(row.found):
            key = (day, row.practice_ods, row.supplier_ods, area, kind, code)
            each = self.sums.setdefault(key, _Sum())
            each.count += count
            each.records += 1
            if ref is not None:
                each.example = max(
                    each.example, str(QualityExample(row.ended_at, row.practice_ods, ref, row.request_key))
                )

    def rows(self) -> Iterator[dict[str, Any]]:
        """In one order everywhere."""
        for key in sorted(self.sums):
            each = self.sums[key]
            counted = {"count": each.count, "records": each.records, "example": each.example}
            yield {**dict(zip(_KEY, key, strict=True)), **counted}


def note(connection: Connection, request_key: str, found: Sequence[QualityFound], now: datetime) -> None:
    """Leave what a request found, in the transaction that ends it. Nobody waits for anybody here."""
    rows = [
        {
            "ended_at": now,
            "practice_ods": each.practice_ods,
            "supplier_ods": each.supplier_ods or "",
            "request_key": request_key,
            "found": orjson.dumps(
                [(one.kind, one.area, one.code, one.count, one.example) for one in each.notes]
            ).decode(),
        }
        for each in found
        if each.notes
    ]
    add_rows(connection, notes, rows, skip_known=False)


def fold(connection: Connection) -> bool:
    """A step: fold some rows into the counts of their days; whether more may be left."""
    if connection.dialect.name == "postgresql" and not connection.scalar(
        select(func.pg_try_advisory_xact_lock(_LOCK))
    ):
        return False  # somebody else does
    rows = connection.execute(select(notes).order_by(notes.c.id).limit(_AT_ONCE)).all()
    if not rows:
        return False
    folded = _Folded()
    for row in rows:
        folded.add(row)
    if folded.sums:
        connection.execute(_ADD[connection.dialect.name], list(folded.rows()))
    connection.execute(delete(notes).where(notes.c.id.in_([row.id for row in rows])))
    return len(rows) == _AT_ONCE


def _adding(dialect: Any) -> Any:
    new = dialect.insert(days)
    sent = new.excluded
    return new.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={
            "count": days.c.count + sent.count,
            "records": days.c.records + sent.records,
            "example": case((sent.example > days.c.example, sent.example), else_=days.c.example),
        },
    )


_ADD: Final = ByDialect(_adding)


def counted_until(connection: Connection) -> datetime | None:
    """A step: when the first request ended that is not counted yet; None: all are."""
    found: datetime | None = connection.scalar(select(func.min(notes.c.ended_at)))
    return found


def summary(
    connection: Connection,
    *,
    since: date,
    practice_ods: str | None = None,
    supplier_ods: str | None = None,
    by_practice: bool = False,
) -> list[QualityLine]:
    """A step: what was met from a day on, by supplier, area and code; the most frequent first.

    Args:
        connection: of the step.
        since: the first day, in UTC.
        practice_ods: what this one sent alone.
        supplier_ods: what systems of this one sent alone.
        by_practice: each practice by itself.
    """
    wanted = _of_practices(since, practice_ods, supplier_ods)
    if not by_practice:
        wanted = _together(wanted)
    return [
        QualityLine(
            row.supplier_ods or None,
            row.practice_ods if by_practice else None,
            row.area,
            row.kind,
            row.code,
            row.practices,
            int(row.number),
            int(row.records),
            date.fromisoformat(row.first_day),
            date.fromisoformat(row.last_day),
            QualityExample.parse(row.example),
        )
        for row in connection.execute(_most_frequent_first(wanted))
    ]


def _of_practices(since: date, practice_ods: str | None, supplier_ods: str | None) -> Select[Any]:
    """What each practice sent in all days together."""
    columns = days.c
    by = (columns.supplier_ods, columns.area, columns.kind, columns.code, columns.practice_ods)
    found = select(
        *by,
        literal_column("1").label("practices"),
        func.sum(columns.count).label("number"),
        func.sum(columns.records).label("records"),
        func.min(columns.day).label("first_day"),
        func.max(columns.day).label("last_day"),
        func.max(columns.example).label("example"),
    ).where(columns.day >= since.isoformat())
    if practice_ods is not None:
        found = found.where(columns.practice_ods == practice_ods)
    if supplier_ods is not None:
        found = found.where(columns.supplier_ods == supplier_ods)
    return found.group_by(*by)


def _together(of_practices: Select[Any]) -> Select[Any]:
    """Of all practices of a supplier. To count distinct ones, PostgreSQL would sort all rows of all days."""
    each = of_practices.subquery()
    by = (each.c.supplier_ods, each.c.area, each.c.kind, each.c.code)
    return select(
        *by,
        func.count().label("practices"),
        func.sum(each.c.number).label("number"),
        func.sum(each.c.records).label("records"),
        func.min(each.c.first_day).label("first_day"),
        func.max(each.c.last_day).label("last_day"),
        func.max(each.c.example).label("example"),
    ).group_by(*by)


def _most_frequent_first(found: Select[Any]) -> Select[Any]:
    each = found.subquery()
    names = ("supplier_ods", "area", "kind", "code", "practice_ods")
    then = (each.c[name] for name in names if name in each.c)
    return select(each).order_by(each.c.number.desc(), *then)


def forget(connection: Connection, before: datetime) -> bool:
    """A step: delete counts of days that are over as long as requests are kept; whether more may be left.

    Those of some practices on one day at a time: writers do not wait for long.
    """
    old = days.c.day < f"{before.astimezone(UTC):%Y-%m-%d}"
    found = select(days.c.day, days.c.practice_ods).where(old).order_by(days.c.day, days.c.practice_ods)
    places = [tuple(row) for row in connection.execute(found.distinct().limit(_PLACES_AT_ONCE))]
    if places:
        connection.execute(delete(days).where(tuple_(days.c.day, days.c.practice_ods).in_(places)))
    return len(places) == _PLACES_AT_ONCE
