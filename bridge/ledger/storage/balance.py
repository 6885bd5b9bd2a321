"""Whether the ledger balances: every request that came in is in exactly one state, and none is unattended.

The requests are gone through in the order of their arrival, so many at a time, each part in a short step of
its own: however large the ledger is, no statement is long and nobody waits. A request is counted once, as it
stood when its part was read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, Connection, func, select

from bridge.ledger.model import FOUND_OUT, State
from bridge.ledger.storage.store import LedgerStep, Progress, Store, untold
from bridge.ledger.storage.tables import IS_OPEN, events, requests
from bridge.values import dataclass

PART = 2_000
"""Requests that are looked at in one step."""
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


@dataclass(slots=True)
class _BalancePart:
    """What one step found.

    Attributes:
        last: when the last of its requests was received; None: there are no later ones.
    """

    last: datetime | None
    states: Counter[str]
    counts: Counter[Oddity]
    named: Mapping[Oddity, Sequence[str]]


async def draw_balance(
    store: Store,
    period: BalancePeriod,
    *,
    late_since: datetime,
    progress: Progress = untold,
    part: int = PART,
) -> Balance:
    """Draw the balance.

    Args:
        store: of the ledger.
        period: which requests.
        late_since: what was due before this, and did not happen, is late.
        progress: told after each step how many were looked at.
        part: about so many are looked at in one step.
    """
    states: Counter[str] = Counter()
    counts: Counter[Oddity] = Counter()
    named: dict[Oddity, list[str]] = {}
    after: datetime | None = None
    while True:
        found = await store.read(_part(period, after, late_since, part))
        states += found.states
        counts += found.counts
        for kind, keys in found.named.items():
            named.setdefault(kind, []).extend(keys)
        progress(states.total(), None)
        after = found.last
        if after is None:
            break
    known = {state: states.get(state, 0) for state in get_args(State)}
    odd = [Discrepancy(kind, counts[kind], named[kind][:NAMED]) for kind in get_args(Oddity) if counts[kind]]
    return Balance(received=states.total(), **known, discrepancies=odd)


def count_waiting(connection: Connection, pipeline: str) -> int:
    """How many requests of a pipeline wait at this moment: few rows are read, however many there are."""
    waiting = select(func.count()).select_from(requests).where(IS_OPEN, requests.c.state == "waiting")
    return connection.execute(waiting.where(requests.c.pipeline == pipeline)).scalar_one()


def size(connection: Connection) -> int:
    """About how many requests there are, and never fewer, without counting them: by their ids."""
    first, last = connection.execute(select(func.min(requests.c.id), func.max(requests.c.id))).one()
    return last - first + 1 if last is not None else 0


def _part(
    period: BalancePeriod, after: datetime | None, late_since: datetime, size: int
) -> LedgerStep[_BalancePart]:
    """A step: look at about `size` requests that were received later than `after`."""
    received_at = requests.c.received_at
    wanted = period.conditions()
    if after is not None:
        wanted.append(received_at > after)
    oddities = _oddities(late_since)

    def step(connection: Connection) -> _BalancePart:
        # All that were received at the same moment are in the same part.
        end = select(received_at).where(*wanted).order_by(received_at).offset(size - 1).limit(1)
        last = connection.scalar(end)
        within = [*wanted, received_at <= last] if last is not None else wanted
        odd = [func.count().filter(condition).label(kind) for kind, condition in oddities.items()]
        rows = connection.execute(
            select(requests.c.state, func.count(), *odd).where(*within).group_by(requests.c.state)
        )
        states: Counter[str] = Counter()
        counts: Counter[Oddity] = Counter()
        for state, count, *of_kinds in rows:
            states[state] += count
            counts.update(dict(zip(oddities, of_kinds, strict=True)))
        return _BalancePart(
            last, states, counts, {kind: _keys(connection, [*within, oddities[kind]]) for kind in +counts}
        )

    return step


def _oddities(late_since: datetime) -> Mapping[Oddity, ColumnElement[bool]]:
    # With LIMIT they are looked up row by row, never joined: what a part costs does not grow with the ledger.
    events_of = select(events.c.event_id).where(events.c.request_id == requests.c.id)
    first_event = events_of.limit(1).scalar_subquery()
    first_owed = events_of.where(events.c.published_at.is_(None)).limit(1).scalar_subquery()
    state = requests.c.state
    return {
        "abandoned": (state == "in_flight") & (requests.c.lease_until < late_since),
        "retry_overdue": (state == "waiting") & (requests.c.wait_until < late_since),
        "unpublished": (requests.c.ended_at < late_since) & first_owed.is_not(None),
        "silent": requests.c.ended_at.is_not(None) & first_event.is_(None),
        "unwatched": (state == "in_doubt")
        & requests.c.wait_until.is_(None)
        & requests.c.lease_until.is_(None)
        & (func.coalesce(requests.c.code, "") != FOUND_OUT),
        "unknown_state": state.not_in(get_args(State)),
    }


def _keys(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> Sequence[str]:
    keys = select(requests.c.request_key).where(*wanted).order_by(requests.c.id).limit(NAMED)
    return connection.scalars(keys).all()
