"""How requests go at the moment: of each pipeline, and of each practice that was asked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, func, select

from bridge.ledger.model import ListedOutcome
from bridge.ledger.storage.in_doubt import IS_SETTLED
from bridge.ledger.storage.listing import OUTCOME
from bridge.ledger.storage.tables import IS_OPEN, requests
from bridge.values import dataclass

_LAST: Final = 1000
"""Requests to a practice that are looked through for the last one that completed."""


@dataclass(frozen=True, slots=True)
class PipelineOverview:
    """One pipeline.

    Attributes:
        outcomes: of the requests that were received in the period, by how they stand now.
        last_completed: when the last of them that completed did.
        retrying, in_flight, in_doubt: how many there are now, whenever they were received; of those in doubt
            the ones of which no person has found out what was done.
        oldest_open: when the first of those that are retried or in flight was received.
        oldest_in_doubt: when the first of those in doubt was received.
    """

    pipeline: str
    outcomes: Mapping[ListedOutcome, int]
    last_completed: datetime | None
    retrying: int
    in_flight: int
    in_doubt: int
    oldest_open: datetime | None
    oldest_in_doubt: datetime | None

    @property
    def received(self) -> int:
        """Requests of the period."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """A code with which requests ended: how many, and when the last one did."""

    code: str
    count: int
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class PracticeOverview:
    """One practice that was asked in the period.

    Attributes:
        outcomes: of the requests that were received in the period, by how they stand now.
        last_success: when the last one that completed ended; where none of the period did, of the last 1,000.
        codes: with which others ended or wait, the latest first. Some tell of the patient alone.
    """

    practice_ods: str
    outcomes: Mapping[ListedOutcome, int]
    last_success: datetime | None
    codes: Sequence[CodeSeen]

    @property
    def received(self) -> int:
        """Requests of the period."""
        return sum(self.outcomes.values())

    @property
    def failure_rate(self) -> float | None:
        """Failed, dead or in doubt, of all that ended and were not rejected; None where none did."""
        unsuccessful = sum(self.outcomes.get(each, 0) for each in ("failed", "dead", "in_doubt"))
        ended = unsuccessful + self.outcomes.get("completed", 0)
        return unsuccessful / ended if ended else None


def pipelines(connection: Connection, *, since: datetime) -> Sequence[PipelineOverview]:
    """Every pipeline that received something since then, or has something open, by name."""
    outcomes: dict[str, Counter[ListedOutcome]] = {}
    completed: dict[str, datetime] = {}
    received = (
        select(requests.c.pipeline, OUTCOME, func.count(), func.max(requests.c.ended_at))
        .where(requests.c.received_at >= since)
        .group_by(requests.c.pipeline, OUTCOME)
    )
    for pipeline, outcome, count, last in connection.execute(received):
        outcomes.setdefault(pipeline, Counter())[outcome] = count
        if outcome == "completed":
            completed[pipeline] = last
    now: dict[str, dict[str, tuple[int, datetime]]] = {}
    is_open = (
        select(requests.c.pipeline, requests.c.state, func.count(), func.min(requests.c.received_at))
        .where(and_(IS_OPEN, ~IS_SETTLED))
        .group_by(requests.c.pipeline, requests.c.state)
    )
    for pipeline, state, count, first in connection.execute(is_open):
        now.setdefault(pipeline, {})[state] = count, first
    return [
        _pipeline(name, outcomes.get(name, {}), completed.get(name), now.get(name, {}))
        for name in sorted(outcomes.keys() | now.keys())
    ]


def _pipeline(
    name: str,
    outcomes: Mapping[ListedOutcome, int],
    completed: datetime | None,
    now: Mapping[str, tuple[int, datetime]],
) -> PipelineOverview:
    counts = {state: count for state, (count, _) in now.items()}
    return PipelineOverview(
        name,
        outcomes,
        completed,
        retrying=counts.get("waiting", 0),
        in_flight=counts.get("in_flight", 0),
        in_doubt=counts.get("in_doubt", 0),
        oldest_open=min((first for state, (_, first) in now.items() if state != "in_doubt"), default=None),
        oldest_in_doubt=min(
            (first for state, (_, first) in now.items() if state == "in_doubt"), default=None
        ),
    )


def practices(connection: Connection, *, since: datetime) -> Sequence[PracticeOverview]:
    """Every practice that was asked since then, those with the most failures first."""
    outcomes: dict[str, Counter[ListedOutcome]] = {}
    successes: dict[str, datetime] = {}
    codes: dict[str, list[CodeSeen]] = {}
    asked = (
        select(requests.c.practice_ods, OUTCOME, requests.c.code, func.count(), func.max(requests.c.ended_at))
        .where(requests.c.received_at >= since, requests.c.practice_ods.is_not(None))
        .group_by(requests.c.practice_ods, OUTCOME, requests.c.code)
    )
    for practice, outcome, code, count, last in connection.execute(asked):
        outcomes.setdefault(practice, Counter())[outcome] += count
        if outcome == "completed":
            successes[practice] = max(last, successes.get(practice, last))
        elif code is not None:
            codes.setdefault(practice, []).append(CodeSeen(code, count, last))
    found = [
        PracticeOverview(
            practice,
            counts,
            successes.get(practice) or _last_success(connection, practice),
            sorted(codes.get(practice, []), key=lambda each: str(each.last_seen or ""), reverse=True),
        )
        for practice, counts in outcomes.items()
    ]
    return sorted(found, key=lambda one: (-(one.failure_rate or 0.0), -one.received, one.practice_ods))


def _last_success(connection: Connection, practice: str) -> datetime | None:
    last = (
        select(requests.c.state, requests.c.ended_at)
        .where(requests.c.practice_ods == practice)
        .order_by(requests.c.received_at.desc())
        .limit(_LAST)
        .subquery()
    )
    found: datetime | None = connection.scalar(
        select(func.max(last.c.ended_at)).where(last.c.state == "completed")
    )
    return found
