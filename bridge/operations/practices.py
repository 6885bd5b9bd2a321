"""National services and practices as workers last saw them, and what practices say they are.

Only workers call anybody. What none of them has seen lately is not known: neither closed nor open.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Final

from pydantic import ValidationError

from bridge.contracts.requests import Requester
from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.storage.practice_asks import AskState
from bridge.ledger.storage.quality import QualityLine
from bridge.ledger.storage.sightings import CapabilitySeen, CircuitSeen, DirectorySeen, SeenByWorker
from bridge.operations import reasons
from bridge.operations.errors import OperationRefused
from bridge.operations.quality import quality
from bridge.operations.site import Stores
from bridge.values import dataclass

__all__ = [
    "AreaAnswered",
    "AskState",
    "CalledSeen",
    "CapabilitySeen",
    "DirectorySeen",
    "PracticeFacts",
    "ask",
    "circuits",
    "directory",
    "national_services",
    "practice",
]

_LATELY: Final = timedelta(seconds=30)
"""A worker that has not told for so long is gone, or cannot tell."""
_ODS: Final = re.compile(r"[A-Z0-9]{3,10}", re.ASCII)
_UNSUPPORTED: Final = "not_supported"


@dataclass(frozen=True, slots=True)
class CalledSeen:
    """Somebody who is called, as the workers see it together.

    Attributes:
        upstream: ``pds``, ``sds``, ``ssp`` or ``practice``.
        practice_ods: of a practice.
        circuits: how many of the workers that run have it in which state; empty: none of them has called it,
            or none runs.
        answered_at: when an answer came last that was no failure of theirs; None: none that is known.
        failed_at: when a call failed last by their fault; None: none that is known.
        as_of: when the last worker looked that has called it.
    """

    upstream: str
    practice_ods: str | None
    circuits: Mapping[CircuitSeen, int]
    answered_at: datetime | None
    failed_at: datetime | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class AreaAnswered:
    """How a practice last answered for an area: whether it supports it, and with which outcomes that day."""

    area: str
    is_supported: bool
    outcomes: Sequence[str]
    day: date


@dataclass(frozen=True, slots=True)
class PracticeFacts:
    """What is known of one practice besides its requests.

    Attributes:
        circuit: None: no worker has called it.
        directory: what SDS last said of each of its capabilities.
        capabilities: what its systems last said they are.
        areas: how it answered for each area in the period.
        noticed: what was noticed about its records in the period, the most frequent first.
        ask: how it stands with the last ask; None: nobody asked.
    """

    practice_ods: str
    circuit: CalledSeen | None
    directory: Sequence[DirectorySeen]
    capabilities: Sequence[CapabilitySeen]
    areas: Sequence[AreaAnswered]
    noticed: Sequence[QualityLine]
    ask: AskState | None


async def national_services(stores: Stores) -> Sequence[CalledSeen]:
    """PDS, SDS and the Spine Secure Proxy, as far as a worker has told of them."""
    return _together(await stores.sightings.upstreams(national=True))


async def circuits(stores: Stores) -> Mapping[str, CalledSeen]:
    """Practices as far as a worker has called them, by ODS code."""
    seen = _together(await stores.sightings.upstreams(national=False))
    return {each.practice_ods: each for each in seen if each.practice_ods is not None}


async def directory(stores: Stores, *, limit: int = 100) -> Sequence[DirectorySeen]:
    """What SDS last said of practices, the newest first."""
    return await stores.sightings.directory(limit=limit)


async def practice(stores: Stores, practice_ods: str, *, since: datetime) -> PracticeFacts:
    """What is known of one practice.

    Raises:
        OperationRefused: that is no ODS code.
    """
    _check(practice_ods)
    found = await quality(stores, since=since, practice_ods=practice_ods)
    asked = await stores.asks.state(practice_ods)
    return PracticeFacts(
        practice_ods,
        (await circuits(stores)).get(practice_ods),
        await stores.sightings.directory([practice_ods]),
        await stores.sightings.capabilities([practice_ods]),
        _areas(found.answered),
        found.remarkable,
        asked,
    )


async def ask(
    stores: Stores,
    practice_ods: str,
    *,
    actor: Actor,
    given_name: str,
    family_name: str,
    organisation_name: str,
    reason: str,
) -> None:
    """Have a running worker ask a practice what its system is: SDS first, then its capability statement.

    Args:
        stores: the ledger and the audit trail.
        practice_ods: of the practice.
        actor: who asks; their organisation is the first of the site.
        given_name: of the same person: practices are told who asks (SP-077).
        family_name: likewise.
        organisation_name: of their organisation.
        reason: why: kept in the audit trail.

    Raises:
        ReasonMissing: the reason is blank.
        OperationRefused: the code is none, or the person cannot be named in a token.
    """
    why = reasons.given(reason)
    _check(practice_ods)
    try:
        person = Requester.model_validate(
            {
                "user_id": actor.user_id,
                "family_name": family_name,
                "given_names": [given_name],
                "role": actor.role,
                "organisation": {"ods_code": actor.organisation, "name": organisation_name},
            }
        )
    except ValidationError as fault:
        named = sorted({".".join(str(part) for part in each["loc"]) for each in fault.errors()})
        raise OperationRefused(f"who asks cannot be told the practice: {', '.join(named)}") from None
    entry = Entry(
        event="practice.ask",
        outcome="completed",
        actor=actor,
        practice_ods=practice_ods,
        facts={"reason": why},
    )
    await stores.asks.ask(
        practice_ods,
        asked_by=actor.user_id,
        requester=person.model_dump_json().encode(),
        also=stores.trail.step(entry),
    )


def _check(practice_ods: str) -> None:
    if not _ODS.fullmatch(practice_ods):
        raise OperationRefused("an ODS code is 3 to 10 capital letters and digits")


def _together(seen: Iterable[SeenByWorker]) -> Sequence[CalledSeen]:
    now = datetime.now(UTC)
    found = []
    for (upstream, place), each in groupby(seen, key=lambda one: (one.seen.upstream, one.seen.place)):
        by_worker = list(each)
        running = [one for one in by_worker if one.stopped_at is None and now - one.seen_at < _LATELY]
        found.append(
            CalledSeen(
                upstream,
                place or None,
                Counter(one.seen.circuit for one in running),
                _latest(one.seen.answered_at for one in by_worker),
                _latest(one.seen.failed_at for one in by_worker),
                max(one.seen_at for one in by_worker),
            )
        )
    return found


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _areas(answered: Iterable[QualityLine]) -> Sequence[AreaAnswered]:
    """Of each area the last day on which the practice answered for it."""
    days: dict[str, dict[str, date]] = {}
    for line in answered:
        if line.kind == "outcome":
            days.setdefault(line.area, {})[line.code] = line.last_day
    found = []
    for area, outcomes in sorted(days.items()):
        last = max(outcomes.values())
        of_day = sorted(code for code, day in outcomes.items() if day == last)
        found.append(AreaAnswered(area, of_day != [_UNSUPPORTED], of_day, last))
    return found
