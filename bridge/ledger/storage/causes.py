"""Requests that did not succeed, by what they have in common: why, and at whom it lay."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from bridge.ledger.model import FailureCause, ListedOutcome
from bridge.ledger.storage.listing import OUTCOME, is_unsuccessful
from bridge.ledger.storage.tables import requests
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class CauseCount:
    """How many requests ended by one cause.

    Attributes:
        cause: why.
        outcomes: how many, by how they stand.
        practices: how many, by the practice that was asked, most affected first; those that asked none are in
            no practice's.
        first_seen, last_seen: when the first and the last of them ended.
        example: key of the last one that was taken up.
    """

    cause: FailureCause
    outcomes: Mapping[ListedOutcome, int]
    practices: Mapping[str, int]
    first_seen: datetime
    last_seen: datetime
    example: str

    @property
    def count(self) -> int:
        """How many in all."""
        return sum(self.outcomes.values())


@dataclass(slots=True)
class _Counting:
    first_seen: datetime
    last_seen: datetime
    newest: int
    outcomes: dict[ListedOutcome, int] = field(default_factory=dict)
    practices: dict[str, int] = field(default_factory=dict)

    def add(self, row: Row[*tuple[Any, ...]]) -> None:
        self.first_seen = min(self.first_seen, row.first_seen)
        self.last_seen = max(self.last_seen, row.last_seen)
        self.newest = max(self.newest, row.newest)
        self.outcomes[row.outcome] = self.outcomes.get(row.outcome, 0) + row.number
        if row.practice_ods is not None:
            self.practices[row.practice_ods] = self.practices.get(row.practice_ods, 0) + row.number


_CAUSE = (requests.c.pipeline, requests.c.stage, requests.c.code, requests.c.upstream, requests.c.detail)
_GROUPS = (
    select(
        *_CAUSE,
        requests.c.practice_ods,
        OUTCOME,
        func.count().label("number"),
        func.min(requests.c.ended_at).label("first_seen"),
        func.max(requests.c.ended_at).label("last_seen"),
        func.max(requests.c.id).label("newest"),
    )
    .where(is_unsuccessful())
    .group_by(*_CAUSE, requests.c.practice_ods, OUTCOME)
)


def count_causes(
    connection: Connection, *, since: datetime | None, until: datetime | None, pipeline: str | None
) -> Sequence[CauseCount]:
    """The causes of what ended without success in a period, most frequent first.

    One in doubt of which a person has found out what was done is not counted.
    """
    groups = _GROUPS
    if since is not None:
        groups = groups.where(requests.c.ended_at >= since)
    if until is not None:
        groups = groups.where(requests.c.ended_at < until)
    if pipeline is not None:
        groups = groups.where(requests.c.pipeline == pipeline)
    counted: dict[FailureCause, _Counting] = {}
    for row in connection.execute(groups):
        cause = FailureCause(row.pipeline, row.stage, row.code, row.upstream, row.detail)
        counting = counted.setdefault(cause, _Counting(row.first_seen, row.last_seen, row.newest))
        counting.add(row)
    keys = _keys(connection, [counting.newest for counting in counted.values()])
    found = [
        CauseCount(
            cause,
            counting.outcomes,
            dict(sorted(counting.practices.items(), key=lambda each: (-each[1], each[0]))),
            counting.first_seen,
            counting.last_seen,
            keys[counting.newest],
        )
        for cause, counting in counted.items()
    ]
    return sorted(found, key=lambda one: (one.count, one.last_seen), reverse=True)


def _keys(connection: Connection, rows: Sequence[int]) -> Mapping[int, str]:
    named = select(requests.c.id, requests.c.request_key).where(requests.c.id.in_(rows))
    return {row.id: row.request_key for row in connection.execute(named)}
