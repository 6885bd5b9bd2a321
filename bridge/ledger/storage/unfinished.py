"""What is not finished, in numbers: open requests, requests in doubt, events that are owed.

Asked for again and again, by whoever draws curves of it, so each statement reads a partial index that holds
what is unfinished and nothing else: it costs the same however many requests the ledger remembers.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from bridge.ledger.storage.in_doubt import IS_UNKNOWN
from bridge.ledger.storage.tables import IS_OPEN, events, requests
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class OpenRequests:
    """Requests of one pipeline that have not ended.

    Attributes:
        in_flight: that a worker has.
        waiting: for their next try, or for their turn.
        oldest: when the oldest of both was received; None when there is none.
    """

    in_flight: int
    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What the ledger waits for.

    Attributes:
        requests: that have not ended, by pipeline; one without any is not named.
        in_doubt: requests of which no person has found out what was done.
        oldest_in_doubt: when the oldest of them was received.
        events_owed: events of ended requests that the broker does not hold yet.
        oldest_owed: when the oldest request that owes one ended.
    """

    requests: Mapping[str, OpenRequests]
    in_doubt: int
    oldest_in_doubt: datetime | None
    events_owed: int
    oldest_owed: datetime | None


def count_unfinished(connection: Connection) -> Unfinished:
    """Count it; times are of the ledger's own clock."""
    is_in_flight = case((requests.c.state == "in_flight", 1), else_=0)
    received = func.min(requests.c.received_at)
    open_requests = (
        select(requests.c.pipeline, func.sum(is_in_flight), func.count(), received)
        .where(IS_OPEN, requests.c.state.in_(("in_flight", "waiting")))
        .group_by(requests.c.pipeline)
    )
    doubts = select(func.count(), received).where(IS_OPEN, IS_UNKNOWN)
    # Looked up for each event: of a join SQLite would go through the ends of all requests for the first one.
    ended_at = select(requests.c.ended_at).where(requests.c.id == events.c.request_id).scalar_subquery()
    owed = select(func.count(), func.min(ended_at)).where(events.c.published_at.is_(None))
    in_doubt, oldest_in_doubt = connection.execute(doubts).one()
    events_owed, oldest_owed = connection.execute(owed).one()
    return Unfinished(
        requests={
            pipeline: OpenRequests(int(in_flight), count - int(in_flight), oldest)
            for pipeline, in_flight, count, oldest in connection.execute(open_requests)
        },
        in_doubt=in_doubt,
        oldest_in_doubt=oldest_in_doubt,
        events_owed=events_owed,
        oldest_owed=oldest_owed,
    )
