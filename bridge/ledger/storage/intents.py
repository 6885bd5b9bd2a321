"""Steps of an intent: written before a call with a side effect, settled by what the other side says."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, insert, null, select, update

from bridge.ledger.errors import IntentOpen, LeaseLost
from bridge.ledger.model import Intent, IntentVerdict, Lease
from bridge.ledger.storage.bodies import open_payload, open_result, seal_payload, seal_result
from bridge.ledger.storage.tables import attempts, intents, requests
from bridge.ledger.vault.sealing import Sealer

_ADD = insert(intents).returning(intents.c.id)
_HELD = (
    select(requests.c.id)
    .where(
        requests.c.id == bindparam("row"),
        requests.c.starts == bindparam("token"),
        requests.c.lease_until.is_not(null()),
    )
    .with_for_update()
)
_OPEN_OF_KIND = select(intents.c.id).where(
    intents.c.request_id == bindparam("row"),
    intents.c.kind == bindparam("of_kind"),
    intents.c.settled_at.is_(null()),
)
_SETTLE = (
    update(intents)
    .where(
        intents.c.id == bindparam("intent"),
        intents.c.request_id == bindparam("row"),
        intents.c.settled_at.is_(null()),
    )
    .values(
        verdict=bindparam("new_verdict"),
        result=bindparam("said"),
        settled_at=bindparam("at"),
    )
)
_DONE_AFTER_ALL = (
    update(intents)
    .where(
        intents.c.id == bindparam("intent"),
        intents.c.request_id == bindparam("row"),
        func.coalesce(intents.c.verdict, "") != "done",
    )
    .values(verdict="done", result=bindparam("said"), settled_at=bindparam("at"))
)
_other = intents.alias()
_UNKNOWN_AFTER_ALL = (
    update(intents)
    .where(
        intents.c.id == bindparam("intent"),
        intents.c.request_id == bindparam("row"),
        intents.c.verdict == "not_done",
        ~exists().where(
            _other.c.request_id == intents.c.request_id,
            _other.c.kind == intents.c.kind,
            _other.c.settled_at.is_(null()),
        ),
    )
    .values(verdict=null(), result=null(), settled_at=null())
)
_OF_REQUEST = (
    select(intents, requests.c.request_key, attempts.c.ended_at.label("tried_until"))
    .join(requests, requests.c.id == intents.c.request_id)
    .outerjoin(
        attempts, (attempts.c.request_id == intents.c.request_id) & (attempts.c.start == intents.c.start)
    )
    .where(requests.c.id == bindparam("row"))
    .order_by(intents.c.id)
)


def intend(
    connection: Connection,
    lease: Lease,
    *,
    kind: str,
    payload: bytes,
    settle_key: str,
    now: datetime,
    sealer: Sealer,
) -> Intent:
    """Write down what is about to be sent."""
    _check_held(connection, lease)
    if connection.execute(_OPEN_OF_KIND, {"row": lease.row, "of_kind": kind}).first():
        raise IntentOpen(kind)
    written = {
        "request_id": lease.row,
        "start": lease.token,
        "kind": kind,
        "settle_key": settle_key,
        "payload": seal_payload(sealer, lease.request_key, kind, payload),
        "created_at": now,
    }
    row = connection.execute(_ADD, written).scalar_one()
    return Intent(row, lease.request_key, kind, settle_key, now, payload)


def settle(
    connection: Connection,
    lease: Lease,
    intent: Intent,
    *,
    verdict: IntentVerdict,
    result: bytes | None,
    now: datetime,
    sealer: Sealer,
) -> None:
    """Write down what became of it."""
    _check_held(connection, lease)
    said = {
        "intent": intent.row,
        "row": lease.row,
        "new_verdict": verdict,
        "said": seal_result(sealer, lease.request_key, intent.kind, result),
        "at": now,
    }
    if connection.execute(_SETTLE, said).rowcount != 1:
        raise LeaseLost


def correct(
    connection: Connection, lease: Lease, intent: Intent, *, said: bytes | None, now: datetime
) -> bool:
    """Write down, of an intent of a lost lease, that it was done, or without `said` that nobody knows.

    Returns:
        Whether that is news.
    """
    known = {"intent": intent.row, "row": lease.row}
    if said is None:
        return connection.execute(_UNKNOWN_AFTER_ALL, known).rowcount == 1
    return connection.execute(_DONE_AFTER_ALL, known | {"said": said, "at": now}).rowcount == 1


def intents_of(connection: Connection, row: int, sealer: Sealer) -> list[Intent]:
    """Every intent of a request, oldest first."""
    return [_intent(found, sealer) for found in connection.execute(_OF_REQUEST, {"row": row})]


def _check_held(connection: Connection, lease: Lease) -> None:
    # Locks the row: nobody takes the request over between this check and the commit.
    if connection.execute(_HELD, {"row": lease.row, "token": lease.token}).first() is None:
        raise LeaseLost


def _intent(row: Row[Any], sealer: Sealer) -> Intent:
    return Intent(
        row.id,
        row.request_key,
        row.kind,
        row.settle_key,
        row.created_at,
        open_payload(sealer, row.request_key, row.kind, row.payload),
        row.verdict,
        open_result(sealer, row.request_key, row.kind, row.result),
        row.tried_until,
    )
