"""Requests in doubt: checked again and again, ever more seldom, until it is known what was done.

A check runs the handler once more, with everything it would send withheld: what is open is settled, and the
request ends with the handler's own events when nothing is open any more.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.engine.journal import Journal
from bridge.engine.outcomes import places
from bridge.engine.runner import Runner
from bridge.ledger import LeaseLost, LedgerUnavailable, Reopened
from bridge.ledger.audit.trail import AuditBroken
from bridge.observe import about_request, record
from bridge.observe.vocabulary.ledger import LedgerAway
from bridge.observe.vocabulary.requests import CheckFailed, CheckNotRecorded
from bridge.settings import Settings

_LONGEST_SLEEP: Final = 30.0
_AT_A_TIME: Final = 10
_IF_LOST: Final = 10


async def check_in_doubt(journal: Journal, runners: Sequence[Runner], settings: Settings) -> None:
    """Check what is due, now and then; runs until it is cancelled."""
    while True:
        for runner in runners:
            try:
                await _check_due(journal, runner, settings)
            except LedgerUnavailable as fault:
                record(LedgerAway(fault.reason, "in_doubt"))
        await asyncio.sleep(min(_LONGEST_SLEEP, settings.settle_after))


async def _check_due(journal: Journal, runner: Runner, settings: Settings) -> None:
    free = asyncio.Semaphore(_AT_A_TIME)

    async def check(key: str) -> None:
        async with free:
            with about_request(key, pipeline=runner.pipeline):
                await _check(key, journal, runner, settings)

    await asyncio.gather(*(check(key) for key in await journal.side_effects.due_for_check(runner.pipeline)))


async def _check(key: str, journal: Journal, runner: Runner, settings: Settings) -> None:
    # Should the check take the worker down, the next one is not soon.
    if_lost = timedelta(seconds=settings.settle_after * _IF_LOST)
    try:
        reopened = await journal.requests.reopen(key, check_again_at=datetime.now(UTC) + if_lost)
        if reopened is None:
            return
        try:
            await runner.check_again(reopened, _next_check(reopened, settings))
        finally:
            await journal.leases.release(reopened.lease)
    except (LedgerUnavailable, LeaseLost, AuditBroken) as fault:
        record(CheckNotRecorded(type(fault).__name__))
    except Exception as error:  # noqa: BLE001 - one request must not keep the others from being checked
        record(CheckFailed(type(error).__name__, places(error)))


def _next_check(reopened: Reopened, settings: Settings) -> datetime | None:
    """Each pause is about as long as the doubt is old, up to a bound; None when it is time to give up."""
    now = datetime.now(UTC)
    oldest, *_ = reopened.intents
    age = now - oldest.created_at
    if age > timedelta(seconds=settings.retry.give_up_after):
        return None
    longest = timedelta(seconds=settings.retry.check_pause)
    pause = min(longest, max(timedelta(seconds=settings.settle_after), age))
    return now + pause * random.uniform(1.0, 1.5)  # noqa: S311 - spreads load, guards no secret
