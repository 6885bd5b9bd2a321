"""Steps of a request in doubt: found when it is due to be checked, and taken up again with what was asked."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.ledger.bodies import open_message
from bridge.ledger.intents import of_request
from bridge.ledger.model import Lease, Reopened
from bridge.ledger.requests import Holder, restart
from bridge.ledger.sealing import Sealer
from bridge.ledger.tables import messages, requests

_KEEP = {
    "sqlite": sqlite.insert(messages).on_conflict_do_nothing(index_elements=["request_id"]),
    "postgresql": postgresql.insert(messages).on_conflict_do_nothing(index_elements=["request_id"]),
}


def keep_message(connection: Connection, lease: Lease, sealed: bytes) -> None:
    """Keep what was asked, once."""
    connection.execute(_KEEP[connection.dialect.name], {"request_id": lease.row, "sealed": sealed})


def due(connection: Connection, pipeline: str, *, due_before: datetime, limit: int) -> Sequence[str]:
    """Keys of the requests in doubt whose next check has come, the longest due first."""
    found = (
        select(requests.c.request_key)
        .where(
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
    return Reopened(lease, of_request(connection, row.id, sealer), open_message(sealer, key, row.sealed))
