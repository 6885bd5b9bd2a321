"""Steps of a request's life: taken up, put to wait, ended, published. Each is one transaction of `Ledger`."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, bindparam, func, insert, null, select, update

from bridge.ledger.clocks import Deadline
from bridge.ledger.errors import LeaseLost
from bridge.ledger.keys import VaultError
from bridge.ledger.model import (
    BeginResult,
    Circumstances,
    Conflict,
    Ended,
    EndState,
    Lease,
    Opening,
    OwedEvents,
    RecordedCall,
    Running,
    Started,
    StoredEvent,
)
from bridge.ledger.storage.bodies import SealedEvent, open_event
from bridge.ledger.storage.dialects import ByDialect
from bridge.ledger.storage.group_commit import add_rows, write_now
from bridge.ledger.storage.intents import intents_of
from bridge.ledger.storage.prepared import Prepared
from bridge.ledger.storage.quality import note
from bridge.ledger.storage.tables import attempts, calls, event_bodies, events, requests
from bridge.ledger.vault.sealing import Sealer
from bridge.values import dataclass

_CLOCK_JUMP = 10
"""A lease that ends more than this many times its length ahead was written before the clock was set back."""


def _opening(dialect: Any) -> Prepared:
    new = dialect.insert(requests).on_conflict_do_nothing(index_elements=["request_key"])
    # SQLite's driver tells the id by itself. To return it, SQLite makes a table for it, and copies every page
    # that it is about to change.
    return Prepared(new if dialect.dialect.name == "sqlite" else new.returning(requests.c.id))


_OPEN = ByDialect(_opening)
# Made once: SQLAlchemy then compiles each of them once.
_ADD_ATTEMPT = insert(attempts)
_LOSSES = (
    select(func.count())
    .select_from(attempts)
    .where(attempts.c.request_id == bindparam("row"), attempts.c.outcome == "lost")
)
_FIND = select(requests).where(requests.c.request_key == bindparam("key")).with_for_update()
_LEASED = (
    (requests.c.id == bindparam("row"))
    & (requests.c.starts == bindparam("token"))
    & requests.c.lease_until.is_not(null())
)
_TOLD = {
    "stage": bindparam("new_stage"),
    "upstream": bindparam("new_upstream"),
    "detail": bindparam("new_detail"),
    # The last try may have ended before a practice was in question.
    "practice_ods": func.coalesce(bindparam("practice", type_=Text), requests.c.practice_ods),
}
_END = Prepared(
    update(requests)
    .where(_LEASED)
    .values(
        state=bindparam("new_state"),
        code=bindparam("new_code"),
        ended_at=bindparam("now"),
        lease_until=null(),
        wait_until=bindparam("check"),
        dead_letter=bindparam("new_dead_letter"),
        **_TOLD,
    )
)
_MOVE_BODIES = Prepared(
    update(event_bodies)
    .where(event_bodies.c.request_id == bindparam("row"))
    .values(ended_at=bindparam("now"))
)
_WAIT = (
    update(requests)
    .where(_LEASED)
    .values(
        state="waiting",
        code=bindparam("new_code"),
        waits=requests.c.waits + bindparam("counted"),
        wait_until=bindparam("until"),
        waited_delivery=bindparam("delivery"),
        lease_until=null(),
        **_TOLD,
    )
)
_RESTART = (
    update(requests)
    .where(requests.c.id == bindparam("row"))
    .values(
        state=bindparam("new_state"),
        starts=requests.c.starts + 1,
        worker=bindparam("new_worker"),
        lease_until=bindparam("until"),
        started_at=bindparam("now"),
        wait_until=bindparam("check"),
    )
)
_RENEW = (
    update(requests)
    .where(
        requests.c.id.in_(bindparam("rows", expanding=True)),
        requests.c.worker.in_(bindparam("holders", expanding=True)),
        requests.c.lease_until.is_not(null()),
    )
    .values(lease_until=bindparam("until"))
    .returning(requests.c.worker)
)
_EVENTS: Select[Any] = (
    select(events.c.event_id, events.c.topic, events.c.content_type, event_bodies.c.sealed)
    .join(
        event_bodies,
        (event_bodies.c.request_id == events.c.request_id) & (event_bodies.c.event_id == events.c.event_id),
    )
    .where(events.c.request_id == bindparam("row"))
    .order_by(events.c.start, events.c.number)
)
_UNPUBLISHED: Select[Any] = _EVENTS.where(events.c.published_at.is_(null()))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks for a lease, and when.

    Attributes:
        name: of this lease and no other, ever; the worker's id is its first part.
        now: by the worker's clock.
        uptime: at the same moment.
        lease: how long it lasts unless it is renewed.
        gave_up: whether a lease of that name was let go of without the database's knowing.
    """

    name: str
    now: datetime
    uptime: float
    lease: timedelta
    gave_up: Callable[[str], bool]

    @property
    def until(self) -> datetime:
        """When a lease that is given now ends."""
        return self.now + self.lease

    @property
    def deadline(self) -> Deadline:
        """The same moment, by both clocks."""
        return Deadline.at(self.until, now=self.now, uptime=self.uptime)

    def finds_alive(self, row: Row[Any]) -> bool:
        """Whether somebody works on this request."""
        if row.lease_until is None or self.gave_up(row.worker):
            return False
        remains: timedelta = row.lease_until - self.now
        return timedelta() < remains <= self.lease * _CLOCK_JUMP


def open_new(connection: Connection, opening: Opening, holder: Holder) -> Started | None:
    """Take a request up that the ledger has never seen; None when it has. One statement."""
    ran = _OPEN[connection.dialect.name].run(connection, _opened(opening, holder))
    if ran.rowcount == 0:
        return None
    row = ran.added if ran.added is not None else ran.rows[0]["id"]
    return Started(Lease(opening.request_key, row, holder.name, 1, 1, opening.attempt, holder.now))


def open_again(connection: Connection, opening: Opening, holder: Holder, sealer: Sealer) -> BeginResult:
    """Take a known request up, or say who has it, or how it ended."""
    row = connection.execute(_FIND, {"key": opening.request_key}).one()
    if row.body_sha256 != opening.body_sha256:
        return Conflict()
    if row.state not in ("in_flight", "waiting"):
        return Ended(row.state, row.code, _unpublished(connection, row, sealer))
    busy_until = _busy_until(row, opening, holder)
    if busy_until is not None:
        return Running(busy_until)
    lease, is_lost = restart(connection, row, holder, opening.attempt)
    losses = connection.execute(_LOSSES, {"row": row.id}).scalar_one() if is_lost else 0
    return Started(lease, intents_of(connection, row.id, sealer), taken_over=is_lost, losses=losses)


def finish(
    connection: Connection,
    lease: Lease,
    *,
    now: datetime,
    state: EndState,
    code: str | None,
    told: Circumstances,
    check_at: datetime | None,
    made: Sequence[RecordedCall],
) -> None:
    """End a request: its outcome, and what was called for it; the events that tell of it are added next."""
    found: dict[str, object] = {"row": lease.row, "token": lease.token, "new_state": state, "now": now}
    found |= {"new_code": code, "check": check_at, "new_dead_letter": told.dead_letter} | _told(told)
    if _END.run(connection, found).rowcount != 1:
        raise LeaseLost
    _add_calls(connection, lease, made)
    if told.found:
        note(connection, lease.request_key, told.found, now)


def add_events(
    connection: Connection, row: int, start: int, owed: Sequence[SealedEvent], *, now: datetime
) -> None:
    """Keep the events that tell how a start of a request ended; they are owed until they are published."""
    if start > 1:  # it may have ended before: all bodies of a request lie together
        _MOVE_BODIES.run(connection, {"row": row, "now": now})
    rows = [_event_row(row, start, number, one.event) for number, one in enumerate(owed, start=1)]
    add_rows(connection, events, rows, skip_known=True)
    bodies = [
        {"request_id": row, "event_id": one.event.id, "sealed": one.sealed, "ended_at": now} for one in owed
    ]
    add_rows(connection, event_bodies, bodies, skip_known=True)


def wait(
    connection: Connection,
    lease: Lease,
    *,
    now: datetime,
    until: datetime,
    reason: str,
    told: Circumstances,
    is_counted: bool,
    made: Sequence[RecordedCall],
) -> None:
    """Put a request to wait for its retry."""
    found = {
        "row": lease.row,
        "token": lease.token,
        "new_code": reason,
        "until": until,
        "delivery": lease.delivery,
        "counted": int(is_counted),
    } | _told(told)
    if connection.execute(_WAIT, found).rowcount != 1:
        raise LeaseLost
    last = {"worker": lease.holder, "started_at": lease.started_at, "ended_at": now}
    last |= {"outcome": "waiting", "code": reason}
    connection.execute(_ADD_ATTEMPT, {"request_id": lease.row, "start": lease.token} | last)
    _add_calls(connection, lease, made)


def renew(connection: Connection, leases: Sequence[Lease], until: datetime) -> Collection[str]:
    """Set the end of these leases, as far as they are still held; the holders of those that are."""
    held = {"rows": [lease.row for lease in leases], "holders": [lease.holder for lease in leases]}
    return connection.scalars(_RENEW, held | {"until": until}).all()


def unpublished(
    connection: Connection, *, ended_before: datetime, limit: int, sealer: Sealer
) -> list[OwedEvents]:
    """Ended requests that still owe events, oldest first; what cannot be opened counts for no `limit`."""
    owing = (
        select(requests.c.id, requests.c.request_key, requests.c.correlation_id)
        .where(
            requests.c.id.in_(select(events.c.request_id).where(events.c.published_at.is_(null()))),
            requests.c.ended_at < ended_before,
        )
        .order_by(requests.c.id)
        .limit(limit)
    )
    found: list[OwedEvents] = []
    after, readable = 0, 0
    while readable < limit and (rows := connection.execute(owing.where(requests.c.id > after)).all()):
        found += [_owed(connection, row, sealer) for row in rows]
        *_, last = rows
        after, readable = last.id, sum(owed.unreadable is None for owed in found)
    return found


def _owed(connection: Connection, row: Row[*tuple[Any, ...]], sealer: Sealer) -> OwedEvents:
    """What a request owes, in order: nothing is told before what it follows."""
    opened: list[StoredEvent] = []
    write_now(connection)  # it may have ended in this transaction
    for event in connection.execute(_UNPUBLISHED, {"row": row.id}):
        try:
            body = open_event(sealer, row.request_key, event.event_id, event.sealed)
        except VaultError as fault:
            return OwedEvents(row.request_key, row.correlation_id, opened, unreadable=type(fault).__name__)
        opened.append(StoredEvent(event.event_id, event.topic, body, event.content_type))
    return OwedEvents(row.request_key, row.correlation_id, opened)


def _busy_until(row: Row[Any], opening: Opening, holder: Holder) -> datetime | None:
    if row.state == "in_flight":
        until = row.lease_until if holder.finds_alive(row) else None
    else:
        # The delivery that was told to wait came again, or a copy of it did: its retry is not due yet.
        early = opening.attempt <= row.waited_delivery and holder.now < row.wait_until
        until = row.wait_until if early else None
    return until


def stored_events(connection: Connection, key: str, sealer: Sealer) -> list[StoredEvent]:
    """Every event of a request whose body is still kept, published or not."""
    row = connection.execute(
        select(requests.c.id, requests.c.request_key).where(requests.c.request_key == key)
    ).first()
    return [] if row is None else _open_bodies(connection, _EVENTS, row, sealer)


def _unpublished(connection: Connection, request: Row[*tuple[Any, ...]], sealer: Sealer) -> list[StoredEvent]:
    return _open_bodies(connection, _UNPUBLISHED, request, sealer)


def _open_bodies(
    connection: Connection, wanted: Select[Any], request: Row[*tuple[Any, ...]], sealer: Sealer
) -> list[StoredEvent]:
    write_now(connection)  # it may have ended in this transaction
    return [
        StoredEvent(
            row.event_id,
            row.topic,
            open_event(sealer, request.request_key, row.event_id, row.sealed),
            row.content_type,
        )
        for row in connection.execute(wanted, {"row": request.id})
    ]


def restart(
    connection: Connection, row: Row[Any], holder: Holder, delivery: int, *, check_at: datetime | None = None
) -> tuple[Lease, bool]:
    """Give a new lease of a request that nobody works on, and whether the last one was lost.

    A request in doubt stays in doubt, and is due again at `check_at` should this start be lost too.
    """
    lost = row.lease_until is not None
    if lost or row.state == "in_doubt":
        last = {"start": row.starts, "worker": row.worker, "started_at": row.started_at}
        if lost:
            last |= {"ended_at": holder.now, "outcome": "lost", "code": None}
        else:
            last |= {"ended_at": row.ended_at, "outcome": row.state, "code": row.code}
        connection.execute(_ADD_ATTEMPT, {"request_id": row.id} | last)
    changed = {
        "row": row.id,
        "new_state": "in_doubt" if row.state == "in_doubt" else "in_flight",
        "new_worker": holder.name,
        "until": holder.until,
        "now": holder.now,
        "check": check_at,
    }
    connection.execute(_RESTART, changed)
    lease = Lease(row.request_key, row.id, holder.name, row.starts + 1, row.waits + 1, delivery, holder.now)
    return lease, lost


def _opened(opening: Opening, holder: Holder) -> dict[str, Any]:
    asker = opening.requester
    return {
        "request_key": opening.request_key,
        "pipeline": opening.pipeline,
        "correlation_id": opening.correlation_id,
        "body_sha256": opening.body_sha256,
        "patient_key": opening.patient_key,
        "requester_id": asker and asker.user_id,
        "requester_role": asker and asker.role,
        "requester_organisation": asker and asker.organisation,
        "received_at": opening.received_at,
        "expires_at": opening.expires_at,
        "state": "in_flight",
        "starts": 1,
        "worker": holder.name,
        "lease_until": holder.until,
        "started_at": holder.now,
        "waits": 0,
        "turn_key": opening.turn_key,
        "own_id": opening.own_id,
        "operation": opening.operation,
        "asked_at": opening.asked_at,
    }


def _told(told: Circumstances) -> dict[str, object]:
    return {
        "new_stage": told.stage,
        "new_upstream": told.upstream,
        "new_detail": told.detail,
        "practice": told.practice_ods,
    }


def _event_row(row: int, start: int, number: int, event: StoredEvent) -> dict[str, Any]:
    return {
        "request_id": row,
        "event_id": event.id,
        "start": start,
        "number": number,
        "topic": event.topic,
        "content_type": event.content_type,
        "size": len(event.body),
    }


def _add_calls(connection: Connection, lease: Lease, made: Sequence[RecordedCall]) -> None:
    rows = [
        {
            "request_id": lease.row,
            "start": lease.token,
            "number": number,
            "what": call.what,
            "where": call.where,
            "trace_id": call.trace_id,
            "status": call.status,
            "code": call.code,
            "started_at": call.started_at,
            "duration_ms": call.duration_ms,
        }
        for number, call in enumerate(made, start=1)
    ]
    add_rows(connection, calls, rows, skip_known=True)
