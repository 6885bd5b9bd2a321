"""Failures by cause: what failed, is dead, in doubt or was rejected, grouped by why, with what to do next."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bridge.ledger.model import FailureCause, ListedOutcome
from bridge.ledger.storage.causes import CauseCount
from bridge.operations.errors import OperationRefused
from bridge.operations.next_steps import next_step
from bridge.operations.site import Stores
from bridge.values import dataclass

__all__ = ["FailureCause", "FailureGroup", "failures", "group", "group_id"]

_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Requests that ended without success by one cause.

    Attributes:
        id: of the cause, the same at any time and in every ledger: a replay of the group is planned by it.
        cause: why.
        count: how many.
        outcomes: how many of them failed, are dead, in doubt or were rejected.
        first_seen, last_seen: when the first and the last of them ended.
        practices: how many, by the practice that was asked, most affected first.
        example: request key of the last one, for `bridge ledger show`.
        next_step: what a person does next, in words.
    """

    id: str
    cause: FailureCause
    count: int
    outcomes: Mapping[ListedOutcome, int]
    first_seen: datetime
    last_seen: datetime
    practices: Mapping[str, int]
    example: str
    next_step: str


def group_id(cause: FailureCause) -> str:
    """The id of a cause: a hash of its five parts."""
    parts = (cause.pipeline, cause.stage, cause.code, cause.upstream, cause.detail)
    named = "\x1f".join("\x00" if part is None else part for part in parts)
    return hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]


async def failures(
    stores: Stores,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    pipeline: str | None = None,
) -> Sequence[FailureGroup]:
    """Groups of the requests that ended without success in a period, the largest first.

    One in doubt of which a person has found out what was done is in no group.

    Args:
        stores: the ledger.
        since: ended then or later.
        until: ended before.
        pipeline: of this one alone.
    """
    counted = await stores.ledger.oversight.count_causes(since=since, until=until, pipeline=pipeline)
    return [_group(each) for each in counted]


async def group(stores: Stores, id: str, *, since: datetime | None = None) -> FailureGroup:  # noqa: A002 - what it is
    """One group; its requests are those of `RequestFilter(cause=group.cause, ended_since=since)`.

    Raises:
        OperationRefused: no request of the period is in it.
    """
    found = await failures(stores, since=since)
    known = next((each for each in found if each.id == id), None)
    if known is None:
        raise OperationRefused("no request is in a group of this id: `bridge failures` lists them")
    return known


def _group(counted: CauseCount) -> FailureGroup:
    return FailureGroup(
        group_id(counted.cause),
        counted.cause,
        counted.count,
        counted.outcomes,
        counted.first_seen,
        counted.last_seen,
        counted.practices,
        counted.example,
        next_step(counted.cause, is_in_doubt="in_doubt" in counted.outcomes),
    )
