"""Requests as a list shows them, a page at a time and newest first; and those that a reference may mean.

A page begins after the last line of the one before, by what lines are sorted by: a page far down costs what
the first one does, and a request that comes meanwhile moves none to another page.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, or_, select, tuple_

from bridge.ledger.model import FailureCause, ListedOutcome, State
from bridge.ledger.storage.durations import took
from bridge.ledger.storage.in_doubt import IS_SETTLED
from bridge.ledger.storage.tables import IS_DEAD, IS_OPEN, IS_RETRIED, IS_UNSUCCESSFUL, events, requests
from bridge.values import dataclass

OUTCOME: Final = case(
    (and_(requests.c.dead_letter.is_not(None), requests.c.state.in_(("completed", "failed"))), "dead"),
    (requests.c.state == "waiting", "retrying"),
    else_=requests.c.state,
).label("outcome")
MOST: Final = 1000
"""Lines of a page at most."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends; as text, what the next one is asked for with."""

    received_at: datetime
    row: int

    def __str__(self) -> str:
        return f"{self.received_at.astimezone(UTC):%Y%m%dT%H%M%S.%f}-{self.row}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The cursor of a text.

        Raises:
            ValueError: it is none.
        """
        moment, _, row = text.partition("-")
        return cls(datetime.strptime(moment, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC), int(row))


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests are listed: those that meet all that is given.

    Attributes:
        outcome: how they stand.
        code: why they did not succeed, or wait.
        pipeline: whose.
        operation: what they ask for.
        attempts: how many tries they needed, or have had, as `RequestLine.attempts` counts them.
        practice_ods: the practice that was asked.
        correlation_id: of the sender.
        patient_key: keyed hash of the NHS number.
        since: received then or later.
        until: received before.
        took_s: took so many seconds or longer, from their arrival to their end: one of
            `bridge.ledger.storage.durations.THRESHOLDS`.
        cause: those of one group.
        ended_since: ended then or later, as groups are counted.
    """

    outcome: ListedOutcome | None = None
    code: str | None = None
    pipeline: str | None = None
    operation: str | None = None
    attempts: int | None = None
    practice_ods: str | None = None
    correlation_id: str | None = None
    patient_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    took_s: int | None = None
    cause: FailureCause | None = None
    ended_since: datetime | None = None

    def conditions(self, dialect: str) -> list[ColumnElement[bool]]:
        """What a row of `requests` must meet, in a database of this kind."""
        columns = requests.c
        equal = {
            columns.code: self.code,
            columns.pipeline: self.pipeline,
            columns.operation: self.operation,
            columns.practice_ods: self.practice_ods,
            columns.correlation_id: self.correlation_id,
            columns.patient_key: self.patient_key,
        }
        wanted: list[ColumnElement[bool]] = [
            column == value for column, value in equal.items() if value is not None
        ]
        if self.outcome is not None:
            wanted.append(_stands(self.outcome))
        if self.attempts is not None:
            wanted.append(_waited(self.attempts - 1))
        if self.since is not None:
            wanted.append(columns.received_at >= self.since)
        if self.until is not None:
            wanted.append(columns.received_at < self.until)
        if self.took_s is not None:
            wanted.append(took(self.took_s, dialect))
        if self.ended_since is not None:
            wanted.append(columns.ended_at >= self.ended_since)
        if self.cause is not None:
            wanted.append(of_cause(self.cause))
        return wanted


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request in a list. No body, and nothing of a patient.

    Attributes:
        row: its number in this ledger.
        request_key: names it for good.
        source: who sent it.
        own_id: the sender's id of it.
        operation: what it asks for; None of one from before version 0008 of the schema, as other texts.
        outcome: how it stands.
        code: why it did not succeed, or waits.
        stage, upstream, detail, practice_ods, dead_letter: see `bridge.ledger.model.Circumstances`.
        attempts: tries that count as such.
        asked_at: when its sender says that it was asked (`Opening`).
        wait_until: its retry; of one in doubt its next check, None: a person must find out.
    """

    row: int
    request_key: str
    source: str
    own_id: str
    correlation_id: str
    pipeline: str
    operation: str | None
    practice_ods: str | None
    outcome: ListedOutcome
    state: State
    code: str | None
    stage: str | None
    upstream: str | None
    detail: str | None
    dead_letter: str | None
    attempts: int
    asked_at: datetime | None
    received_at: datetime
    ended_at: datetime | None
    wait_until: datetime | None

    @property
    def duration_ms(self) -> float | None:
        """From its arrival to its end; None of one that has not ended."""
        if self.ended_at is None:
            return None
        return round((self.ended_at - self.received_at).total_seconds() * 1000, 1)

    @property
    def cursor(self) -> Cursor:
        """For the page that begins after this line."""
        return Cursor(self.received_at, self.row)


@dataclass(frozen=True, slots=True)
class RequestPage:
    """A page of a list; `after` is what the next one is asked for with, None on the last."""

    lines: Sequence[RequestLine]
    after: Cursor | None


_COLUMNS: Final = (
    *(
        requests.c[name]
        for name in (
            *("id", "request_key", "own_id", "correlation_id", "pipeline", "operation", "practice_ods"),
            *("state", "code", "stage", "upstream", "detail", "dead_letter", "waits", "asked_at"),
            *("received_at", "ended_at", "wait_until"),
        )
    ),
    OUTCOME,
)
_NEWEST_FIRST: Final = (requests.c.received_at.desc(), requests.c.id.desc())


def list_requests(
    connection: Connection, wanted: RequestFilter, *, after: Cursor | None, limit: int
) -> RequestPage:
    """A page of the requests that are wanted."""
    conditions = wanted.conditions(connection.dialect.name)
    page = select(*_COLUMNS).where(*conditions).order_by(*_NEWEST_FIRST).limit(limit + 1)
    if after is not None:
        place = tuple_(requests.c.received_at, requests.c.id)
        page = page.where(
            requests.c.received_at <= after.received_at, place < tuple_(after.received_at, after.row)
        )
    lines = [_line(row) for row in connection.execute(page)]
    more = len(lines) > limit
    lines = lines[:limit]
    return RequestPage(lines, lines[-1].cursor if more else None)


def find(connection: Connection, reference: str, *, limit: int) -> Sequence[RequestLine]:
    """The requests that a reference may mean, newest first.

    The one with this key; else all with this id of their sender's, this correlation id, or such an event.
    """
    by_key = select(*_COLUMNS).where(requests.c.request_key == reference)
    if (row := connection.execute(by_key).first()) is not None:
        return [_line(row)]
    told = select(events.c.request_id).where(events.c.event_id == reference)
    named = (
        select(requests.c.id).where(requests.c.own_id == reference),
        select(requests.c.id)
        .where(requests.c.correlation_id == reference)
        .order_by(requests.c.received_at.desc())
        .limit(limit),
        told,
    )
    rows = {row for each in named for row in connection.scalars(each.limit(limit))}
    if not rows:
        # Of requests from before version 0008 the id stands in the key alone.
        old = requests.c.own_id.is_(None) & requests.c.request_key.endswith(f" {reference}", autoescape=True)
        rows = set(connection.scalars(select(requests.c.id).where(old).limit(limit)))
    found = select(*_COLUMNS).where(requests.c.id.in_(rows)).order_by(*_NEWEST_FIRST).limit(limit)
    return [_line(row) for row in connection.execute(found)]


def _stands(outcome: ListedOutcome) -> ColumnElement[bool]:
    not_dead = requests.c.dead_letter.is_(None)
    conditions: Mapping[ListedOutcome, ColumnElement[bool]] = {
        "completed": and_(_is("completed"), not_dead),
        "failed": and_(IS_UNSUCCESSFUL, _is("failed"), not_dead),
        "rejected": and_(IS_UNSUCCESSFUL, _is("rejected")),
        "in_doubt": and_(IS_UNSUCCESSFUL, _is("in_doubt")),
        "retrying": and_(IS_OPEN, _is("waiting")),
        "in_flight": and_(IS_OPEN, _is("in_flight")),
        "dead": and_(IS_DEAD),
    }
    return conditions[outcome]


def _is(state: State) -> ColumnElement[bool]:
    # Written into the statement: a plan made for any state would not use an index of some.
    return requests.c.state == bindparam(None, state, literal_execute=True)


def _waited(waits: int) -> ColumnElement[bool]:
    # Almost all needed one try; the index is of the others alone, and is used where its condition stands.
    is_so = requests.c.waits == waits
    return and_(IS_RETRIED, is_so) if waits > 0 else is_so


def is_unsuccessful() -> ColumnElement[bool]:
    """Requests that groups by cause are made of."""
    return and_(or_(IS_UNSUCCESSFUL, IS_DEAD), ~IS_SETTLED)


def of_cause(cause: FailureCause) -> ColumnElement[bool]:
    """Requests of one group by cause, as groups count them."""
    columns = requests.c
    same = {
        columns.stage: cause.stage,
        columns.code: cause.code,
        columns.upstream: cause.upstream,
        columns.detail: cause.detail,
    }
    alike = [column.is_(None) if value is None else column == value for column, value in same.items()]
    return and_(is_unsuccessful(), columns.pipeline == cause.pipeline, *alike)


def _line(row: Row[*tuple[Any, ...]]) -> RequestLine:
    source, _, own_id = row.request_key.partition(" ")
    return RequestLine(
        row=row.id,
        request_key=row.request_key,
        source=source,
        own_id=row.own_id or own_id,
        correlation_id=row.correlation_id,
        pipeline=row.pipeline,
        operation=row.operation,
        practice_ods=row.practice_ods,
        outcome=row.outcome,
        state=row.state,
        code=row.code,
        stage=row.stage,
        upstream=row.upstream,
        detail=row.detail,
        dead_letter=row.dead_letter,
        attempts=row.waits + 1,
        asked_at=row.asked_at,
        received_at=row.received_at,
        ended_at=row.ended_at,
        wait_until=row.wait_until,
    )
