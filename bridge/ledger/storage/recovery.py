"""What a start finds unfinished. The broker delivers those requests again; this says which they are."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from bridge.ledger.storage.tables import IS_OPEN, events, intents, requests
from bridge.values import dataclass

NAMED = 20
"""At most this many requests are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Left by workers that are gone.

    Attributes:
        running: requests in flight whose lease ran out.
        request_keys: of the oldest of them, at most `NAMED`.
        open_intents: of all requests; those in doubt are among them.
        unpublished: ended requests that still owe events.
    """

    running: int
    request_keys: Sequence[str]
    open_intents: int
    unpublished: int


def survey(connection: Connection, *, now: datetime, ended_before: datetime) -> Recovery:
    """Count what was left."""
    left = and_(IS_OPEN, requests.c.state == "in_flight", requests.c.lease_until < now)
    keys = select(requests.c.request_key).where(left).order_by(requests.c.id).limit(NAMED)
    owing = (
        select(func.count(events.c.request_id.distinct()))
        .join(requests, requests.c.id == events.c.request_id)
        .where(events.c.published_at.is_(None), requests.c.ended_at < ended_before)
    )
    open_intents = select(func.count()).select_from(intents).where(intents.c.settled_at.is_(None))
    return Recovery(
        connection.execute(select(func.count()).select_from(requests).where(left)).scalar_one(),
        connection.scalars(keys).all(),
        connection.execute(open_intents).scalar_one(),
        connection.execute(owing).scalar_one(),
    )
