"""Per-patient ordering: requests with one `turn_key` are worked on one after another, in order of arrival.

Whoever is not next waits, in the same transaction in which it was taken up: so a request in flight is one
that is next, on however many workers. A request that is late for its retry, or whose worker is gone, for
longer than `Opening.turn_kept` holds up nobody any more: its message was taken out of the queue by hand. The
balance names it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, exists, func, null, or_, select, update

from bridge.ledger.model import BeginResult, Behind, Lease, Opening, Started
from bridge.ledger.storage.requests import Holder, open_again, open_new
from bridge.ledger.storage.tables import requests
from bridge.ledger.vault.sealing import Sealer

_FIRST_LOOK: Final = 1.0
_DOUBLINGS: Final = 4
BEHIND: Final = "behind_another"
_earlier = requests.alias("earlier")

_SUPERSEDED = select(
    exists().where(
        _earlier.c.request_key == bindparam("key"),
        requests.c.patient_key == _earlier.c.patient_key,  # has an index
        requests.c.turn_key == _earlier.c.turn_key,
        requests.c.operation == _earlier.c.operation,
        requests.c.asked_at > _earlier.c.asked_at,  # one that is sent again is a newer row, and no newer
        requests.c.state == "completed",
    )
)
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("patient"), 0)))
_others = (requests.c.turn_key == bindparam("patient")) & (requests.c.id != bindparam("row"))
_is_attended = or_(
    and_(requests.c.state == "in_flight", requests.c.lease_until > bindparam("lost_before")),
    and_(requests.c.state == "waiting", requests.c.wait_until > bindparam("lost_before")),
)
_is_at_work = and_(requests.c.state == "in_flight", requests.c.lease_until > bindparam("now"))
_AHEAD = select(requests.c.wait_until).where(
    _others, or_(and_(requests.c.id < bindparam("row"), _is_attended), _is_at_work)
)
_STAND_BEHIND = (
    update(requests)
    .where(requests.c.id == bindparam("row"))
    .values(
        state="waiting",
        code=BEHIND,
        wait_until=bindparam("until"),
        waited_delivery=bindparam("delivery"),
        lease_until=null(),
    )
)


def open_in_order(connection: Connection, opening: Opening, holder: Holder, sealer: Sealer) -> BeginResult:
    """Take a request up if it is next; see `bridge.ledger.storage.requests.open_new` and `open_again`."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        connection.execute(_LOCK, {"patient": opening.turn_key})
    begun = open_new(connection, opening, holder) or open_again(connection, opening, holder, sealer)
    if not isinstance(begun, Started) or _has_expired(opening, holder):
        return begun
    ahead = _ahead(connection, opening, begun.lease, holder)
    if not ahead:
        return begun
    until = _look_again(opening, holder, ahead)
    said = {"row": begun.lease.row, "until": until, "delivery": opening.attempt}
    connection.execute(_STAND_BEHIND, said)
    return Behind(until)


def is_superseded(connection: Connection, request_key: str) -> bool:
    """Whether a request of the same turn and operation has completed that was asked after this one.

    Of two of one moment neither is the newer; one without a moment (`Opening.asked_at`) is none either.
    """
    return bool(connection.execute(_SUPERSEDED, {"key": request_key}).scalar_one())


def _has_expired(opening: Opening, holder: Holder) -> bool:
    # It sends nothing any more, so it need not wait to tell that.
    return opening.expires_at is not None and opening.expires_at <= holder.now


def _ahead(connection: Connection, opening: Opening, lease: Lease, holder: Holder) -> Sequence[Row[Any]]:
    asked = {
        "patient": opening.turn_key,
        "row": lease.row,
        "now": holder.now,
        "lost_before": holder.now - opening.turn_kept,
    }
    return connection.execute(_AHEAD, asked).all()


def _look_again(opening: Opening, holder: Holder, ahead: Sequence[Row[Any]]) -> datetime:
    """Not before those ahead are due themselves, and a little less often each time."""
    soon = _FIRST_LOOK * 2 ** min(opening.attempt - 1, _DOUBLINGS)
    due = [row.wait_until for row in ahead if row.wait_until is not None]
    until: datetime = max([holder.now + timedelta(seconds=soon), *due])
    return min(until, opening.expires_at) if opening.expires_at else until
