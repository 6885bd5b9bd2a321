"""Steps of a request in doubt: found when it is due to be checked, and taken up again with what was asked."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, null, or_, select, update

from bridge.ledger.model import FOUND_OUT, Lease, Reopened
from bridge.ledger.storage.bodies import open_message
from bridge.ledger.storage.dialects import ByDialect
from bridge.ledger.storage.intents import intents_of
from bridge.ledger.storage.requests import Holder, restart
from bridge.ledger.storage.tables import IS_OPEN, messages, requests
from bridge.ledger.vault.sealing import Sealer

_KEEP = ByDialect(
    lambda dialect: dialect.insert(messages).on_conflict_do_nothing(index_elements=["request_id"])
)
IS_UNKNOWN = (requests.c.state == "in_doubt") & (func.coalesce(requests.c.code, "") != FOUND_OUT)
"""In doubt, and no person has found out what was done."""
IS_SETTLED = (requests.c.state == "in_doubt") & (func.coalesce(requests.c.code, "") == FOUND_OUT)
"""In doubt, and a person has found out what was done: nobody needs to look at it again."""


def keep_message(connection: Connection, lease: Lease, sealed: bytes) -> None:
    """Keep what was asked, once."""
    connection.execute(_KEEP[connection.dialect.name], {"request_id": lease.row, "sealed": sealed})


def due_for_check(
    connection: Connection, pipeline: str, *, due_before: datetime, limit: int
) -> Sequence[str]:
    """Keys of the requests in doubt whose next check has come, the longest due first."""
    found = (
        select(requests.c.request_key)
        .where(
            IS_OPEN,
            requests.c.state == "in_doubt",
            requests.c.wait_until <= due_before,
            requests.c.pipeline == pipeline,
        )
        .order_by(requests.c.wait_until)
        .limit(limit)
    )
    return connection.scalars(found).all()


def reopen(
    connection: Connection, key: str, holder: Holder, sealer: Sealer, *, check_at: datetime
) -> Reopened | None:
    """Take up a request that is in doubt; it stays in doubt until it is ended otherwise."""
    row = connection.execute(
        select(requests, messages.c.sealed)
        .join(messages, messages.c.request_id == requests.c.id)
        .where(requests.c.request_key == key)
        .with_for_update(of=requests)
    ).one_or_none()
    if row is None or row.state != "in_doubt" or holder.finds_alive(row):
        return None
    lease, _ = restart(connection, row, holder, 1, check_at=check_at)
    return Reopened(lease, intents_of(connection, row.id, sealer), open_message(sealer, key, row.sealed))


def keys_in_doubt(connection: Connection) -> Sequence[str]:
    """Every request in doubt of which no person has found out what was done, oldest first."""
    found = select(requests.c.request_key).where(IS_UNKNOWN).order_by(requests.c.id)
    return connection.scalars(found).all()


def check_soon(connection: Connection, key: str, *, now: datetime) -> bool:
    """Make a request in doubt due now, also one that was given up; False when it is not in doubt."""
    return _change(connection, key, now, wait_until=now)


def close(connection: Connection, key: str, *, now: datetime) -> bool:
    """Note that a person has found out what was done: it is checked no more, and the balance is content."""
    return _change(connection, key, now, wait_until=null(), code=FOUND_OUT)


def _change(connection: Connection, key: str, now: datetime, **values: object) -> bool:
    is_idle = or_(requests.c.lease_until.is_(null()), requests.c.lease_until < now)
    wanted = update(requests).where(requests.c.request_key == key, IS_UNKNOWN, is_idle)
    return connection.execute(wanted.values(values)).rowcount == 1
