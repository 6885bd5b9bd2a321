"""What a worker finds out after it lost its lease: that something was done which others took for not done.

It stood still at the worst moment, between its last look at the clock and the first byte. What it knows is
worth more than any outcome that was told meanwhile: a request that has ended is in doubt again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, null, select, update

from bridge.ledger.model import FOUND_OUT, Intent, Lease, Reopening
from bridge.ledger.storage.bodies import SealedEvent
from bridge.ledger.storage.group_commit import write_now
from bridge.ledger.storage.intents import correct
from bridge.ledger.storage.requests import add_events
from bridge.ledger.storage.tables import attempts, messages, requests

CAME_LATE: Final = "effect_late"
"""Detail of a request in doubt because something was found out too late."""


def came_late(
    connection: Connection,
    lease: Lease,
    intent: Intent,
    said: bytes | None,
    *,
    now: datetime,
    reopening: Reopening,
    owed: Sequence[SealedEvent],
    message: bytes,
) -> bool:
    """Write it down; whether the request had ended, and is in doubt again. See `Ledger.came_late`."""
    write_now(connection)  # it may have ended in this transaction
    row = connection.execute(
        select(requests).where(requests.c.id == lease.row).with_for_update()
    ).one_or_none()
    if row is None or not correct(connection, lease, intent, said=said, now=now):
        return False
    if row.state in ("in_flight", "waiting"):
        if row.lease_until is not None and row.starts != lease.token:
            # Whoever works on it believes what is not so: what it comes to is not written down any more.
            _start_anew(connection, row, lease, now, ended_at=now, outcome="lost", lease_until=now)
        return False
    has_ended: bool = row.state != "in_doubt" or row.code == FOUND_OUT
    _start_anew(
        connection,
        row,
        lease,
        now,
        ended_at=row.ended_at,
        outcome=row.state,
        state="in_doubt",
        code=reopening.code,
        stage="engine",
        upstream=null(),
        detail=CAME_LATE,
        wait_until=reopening.check_at,
        lease_until=null(),
    )
    if has_ended:
        connection.execute(update(requests).where(requests.c.id == row.id).values(ended_at=now))
        add_events(connection, row.id, row.starts + 1, owed, now=now)
        connection.execute(delete(messages).where(messages.c.request_id == row.id))
        connection.execute(insert(messages).values(request_id=row.id, sealed=message))
    return has_ended


def _start_anew(
    connection: Connection,
    row: Row[Any],
    lease: Lease,
    now: datetime,
    *,
    ended_at: datetime,
    outcome: str,
    **changes: object,
) -> None:
    """End the last start, so that nobody who has it writes anything more."""
    last = {"request_id": row.id, "start": row.starts, "worker": row.worker, "started_at": row.started_at}
    last |= {"ended_at": ended_at, "outcome": outcome, "code": row.code}
    connection.execute(insert(attempts).values(last))
    begun = {"starts": row.starts + 1, "worker": lease.holder, "started_at": now} | changes
    connection.execute(update(requests).where(requests.c.id == row.id).values(begun))
