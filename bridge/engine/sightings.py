"""What this worker sees of those it calls, kept in the ledger for pages of another process; asks on demand.

Only a worker calls anybody, and only its memory knows circuits. What it writes is small: national services
when anything of them changed, a practice when its circuit did, and otherwise now and then.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from bridge.contracts.requests import Requester
from bridge.engine.journal.sightings import AskJournal, SightingJournal
from bridge.engine.outcomes import places
from bridge.errors import RequestFailed
from bridge.gpconnect import GpConnect
from bridge.gpconnect.capability import Capability
from bridge.ledger import LedgerUnavailable
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.storage.practice_asks import PracticeAsk
from bridge.ledger.storage.sightings import CapabilitySeen, DirectorySeen, UpstreamSeen, WorkerSighting
from bridge.observe import noting_calls, record
from bridge.observe.redaction import redact
from bridge.observe.vocabulary.ledger import LedgerAway
from bridge.observe.vocabulary.process import ChoreFailed
from bridge.observe.vocabulary.upstreams import PracticeAskFailed
from bridge.spine import Spine
from bridge.spine.bulkhead import BulkheadFacts
from bridge.spine.sds import DirectoryAnswer

_EVERY: Final = 5.0
"""Seconds between two looks: pages take a worker for gone that has not told for six times as long."""
_SELDOM: Final = 60.0
"""Seconds after which it is told that a practice answered again, and nothing else changed."""
_NAME: Final = re.compile(r"[A-Za-z0-9$._-]{1,64}", re.ASCII)
"""Of an operation or a version: a practice's own words go onto no page."""
_MOST: Final = 64
_LONGEST: Final = 200

Seen = UpstreamSeen | DirectorySeen | CapabilitySeen


class _LastTold(NamedTuple):
    """What was told last, what of it is told at once when it changes, and when that was."""

    seen: Seen
    at_once: object
    at: float


class Sight:
    """What a worker sees, and what of that it has told.

    Args:
        spine: whose clients know circuits and the directory.
        gpconnect: knows what practices say they are.
        journal: where it is told.
    """

    def __init__(self, spine: Spine, gpconnect: GpConnect, journal: SightingJournal) -> None:
        self._spine = spine
        self._gpconnect = gpconnect
        self._journal = journal
        self._told: dict[tuple[str, ...], _LastTold] = {}

    async def tell(self) -> None:
        """Write down what is new.

        Raises:
            LedgerUnavailable: it is told next time.
        """
        now = time.monotonic()
        new = {
            key: _LastTold(seen, at_once, now)
            for key, seen, at_once in self._look()
            if self._is_due(key, seen, at_once, now)
        }
        seen = [each.seen for each in new.values()]
        sighting = WorkerSighting(
            datetime.now(UTC),
            [each for each in seen if isinstance(each, UpstreamSeen)],
            [each for each in seen if isinstance(each, DirectorySeen)],
            [each for each in seen if isinstance(each, CapabilitySeen)],
        )
        await self._journal.keep(sighting)
        self._told |= new

    def _is_due(self, key: tuple[str, ...], seen: Seen, at_once: object, now: float) -> bool:
        told = self._told.get(key)
        if told is None or at_once != told.at_once:
            return True
        return seen != told.seen and now - told.at >= _SELDOM

    def _look(self) -> Iterator[tuple[tuple[str, ...], Seen, object]]:
        for facts in self._spine.bulkheads():
            upstream = _upstream(facts)
            # Of a national service everything counts at once: there are three of them.
            yield (facts.upstream, upstream.place), upstream, upstream.circuit if upstream.place else upstream
        for answer in self._spine.sds.answers():
            found = _directory(answer)
            known = replace(found, looked_up_at=_NO_TIME)
            yield ("directory", found.practice_ods, found.interaction), found, known
        for (practice, interaction), said in dict(self._gpconnect.capabilities()).items():
            capability = _capability(practice, interaction, said)
            yield ("capability", practice, interaction), capability, capability


_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


def _upstream(facts: BulkheadFacts) -> UpstreamSeen:
    return UpstreamSeen(
        facts.upstream,
        facts.where or "",
        facts.circuit.value,
        facts.in_flight,
        facts.answered_at,
        facts.failed_at,
    )


def _directory(answer: DirectoryAnswer) -> DirectorySeen:
    found: dict[str, Any] = {"detail": answer.detail}
    if answer.endpoint is not None:
        endpoint = answer.endpoint
        found = {
            "supplier_ods": endpoint.supplier_ods,
            "asid": endpoint.asid,
            "address": redact(endpoint.service_root)[:_LONGEST],
        }
    return DirectorySeen(answer.ods, answer.interaction, answer.at, **found)


def _capability(practice: str, interaction: str, said: Capability) -> CapabilitySeen:
    names = [each for each in (said.version, *said.operations) if isinstance(each, str)]
    known = [each for each in names if _NAME.fullmatch(each) and redact(each) == each]
    version = said.version if said.version in known else None
    operations = tuple(each for each in said.operations if each in known)[:_MOST]
    retrieved_at = datetime.fromisoformat(said.retrieved_at)
    return CapabilitySeen(practice, interaction, retrieved_at, version, operations)


async def keep_sightings(sight: Sight, journal: SightingJournal) -> None:
    """Tell what is seen, at once and then now and then; runs until it is cancelled, and tells that last."""
    is_away = False
    try:
        while True:
            try:
                await sight.tell()
                is_away = False
            except LedgerUnavailable as fault:
                if not is_away:  # once: every few seconds is too often
                    record(LedgerAway(fault.reason, "sightings"))
                is_away = True
            except Exception as error:  # noqa: BLE001 - a chore of the worker, which must not end unnoticed
                record(ChoreFailed("sightings", type(error).__name__, places(error)))
            await asyncio.sleep(_EVERY)
    finally:
        with contextlib.suppress(LedgerUnavailable):
            await journal.stop()


async def answer_asks(journal: AskJournal, gpconnect: GpConnect, sight: Sight) -> None:
    """Ask practices that somebody wants asked; runs until it is cancelled."""
    while True:
        try:
            asks = await journal.take()
            await asyncio.gather(*(_answer(ask, journal, gpconnect, sight) for ask in asks))
        except LedgerUnavailable as fault:
            record(LedgerAway(fault.reason, "asks"))
        except AuditBroken:
            pass  # requests tell of it; what cannot be recorded is not asked
        except Exception as error:  # noqa: BLE001 - a chore of the worker, which must not end unnoticed
            record(ChoreFailed("asks", type(error).__name__, places(error)))
        await asyncio.sleep(_EVERY)


async def _answer(ask: PracticeAsk, journal: AskJournal, gpconnect: GpConnect, sight: Sight) -> None:
    code: str | None = None
    detail: str | None = None
    try:
        person = Requester.model_validate_json(ask.requester)
        with noting_calls() as calls:
            try:
                await gpconnect.capability(ask.practice_ods, requested_by=person)
                await sight.tell()  # before it is said to have ended
            except RequestFailed as failure:
                code, detail = failure.code.value, redact(failure.detail)[:_LONGEST] or None
        await journal.end(ask, person, calls, code=code, detail=detail)
    except (LedgerUnavailable, AuditBroken):
        raise  # it is asked again when nobody has it any more
    except Exception as error:  # noqa: BLE001 - one practice must not keep the others from being asked
        record(PracticeAskFailed(ask.practice_ods, type(error).__name__, places(error)))
