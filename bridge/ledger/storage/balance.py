"""Whether the ledger balances: every request that came in is in exactly one state, and none is unattended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, Connection, exists, func, select

from bridge.ledger.model import FOUND_OUT, State
from bridge.ledger.storage.tables import events, requests

NAMED = 100
"""At most this many requests are named of each kind; all are counted."""

Oddity = Literal["abandoned", "retry_overdue", "unpublished", "silent", "unwatched", "unknown_state"]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Requests that are unattended, or that contradict themselves.

    Attributes:
        kind: ``abandoned``: in flight, but the lease ran out and no redelivery came;
            ``retry_overdue``: waiting, but the retry is late;
            ``unpublished``: ended, but still owes events;
            ``silent``: ended without any event;
            ``unwatched``: in doubt, and the engine checks no more: a person must find out, and say so;
            ``unknown_state``: none of the states.
        count: how many.
        request_keys: of the oldest, at most `NAMED`.
    """

    kind: Oddity
    count: int
    request_keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Balance:
    """Requests received in a period, by where they are now.

    The broker's own counts tell the rest: `waiting` is to be what is in the delay queues; what is
    `in_flight` is delivered and not acknowledged; every rejected request has a dead letter.
    """

    received: int
    completed: int
    failed: int
    rejected: int
    in_doubt: int
    waiting: int
    in_flight: int
    discrepancies: Sequence[Discrepancy]

    @property
    def holds(self) -> bool:
        """Whether everything adds up, and nothing open is unattended."""
        states = self.completed + self.failed + self.rejected + self.in_doubt + self.waiting + self.in_flight
        return self.received == states and not self.discrepancies


@dataclass(frozen=True, slots=True)
class BalancePeriod:
    """Which requests are looked at: of a pipeline, received at `since` or later and before `until`."""

    pipeline: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a row of `requests` must meet."""
        wanted = []
        if self.pipeline is not None:
            wanted.append(requests.c.pipeline == self.pipeline)
        if self.since is not None:
            wanted.append(requests.c.received_at >= self.since)
        if self.until is not None:
            wanted.append(requests.c.received_at < self.until)
        return wanted


def draw_balance(connection: Connection, period: BalancePeriod, *, late_since: datetime) -> Balance:
    """Draw the balance.

    Args:
        connection: reads one snapshot.
        period: which requests.
        late_since: what was due before this, and did not happen, is late.
    """
    wanted = period.conditions()
    states = select(requests.c.state, func.count()).where(*wanted).group_by(requests.c.state)
    counts = {state: count for state, count in connection.execute(states).all()}  # noqa: C416 - typed so
    received = connection.execute(select(func.count()).select_from(requests).where(*wanted)).scalar_one()
    known = {state: counts.get(state, 0) for state in get_args(State)}
    found = (
        _discrepancy(connection, kind, [condition, *wanted])
        for kind, condition in _oddities(late_since).items()
    )
    return Balance(received=received, **known, discrepancies=[one for one in found if one.count])


def _oddities(late_since: datetime) -> Mapping[Oddity, ColumnElement[bool]]:
    events_of = select(events.c.event_id).where(events.c.request_id == requests.c.id)
    state = requests.c.state
    return {
        "abandoned": (state == "in_flight") & (requests.c.lease_until < late_since),
        "retry_overdue": (state == "waiting") & (requests.c.wait_until < late_since),
        "unpublished": requests.c.id.in_(select(events.c.request_id).where(events.c.published_at.is_(None)))
        & (requests.c.ended_at < late_since),
        "silent": requests.c.ended_at.is_not(None) & ~exists(events_of),
        "unwatched": (state == "in_doubt")
        & requests.c.wait_until.is_(None)
        & requests.c.lease_until.is_(None)
        & (func.coalesce(requests.c.code, "") != FOUND_OUT),
        "unknown_state": state.not_in(get_args(State)),
    }


def _discrepancy(connection: Connection, kind: Oddity, wanted: Sequence[ColumnElement[bool]]) -> Discrepancy:
    count = connection.execute(select(func.count()).select_from(requests).where(*wanted)).scalar_one()
    keys = connection.scalars(
        select(requests.c.request_key).where(*wanted).order_by(requests.c.id).limit(NAMED)
    )
    return Discrepancy(kind, count, keys.all())
