"""What was done after its worker had lost the lease: never dropped, whatever was told in the meantime.

A worker may stand still between its last look at the clocks and the first byte: nothing that runs on it can
keep that from happening. Others have then found that nothing was done, and said so. So the request is opened
again as in doubt, which is published, and the check that follows comes to what was really done.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bridge.contracts.envelope import EventStyle
from bridge.engine.in_doubt_events import told_in_doubt
from bridge.engine.incoming import IncomingRequest
from bridge.engine.journal import Journal
from bridge.engine.messages import stored
from bridge.engine.side_effects import Late, doubt_about
from bridge.errors import FailureCode
from bridge.ledger import Lease, LedgerUnavailable, OwedEvents
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.storage.late import Doubt

log = structlog.get_logger()

_PAUSE: Final = 5.0
_CODE: Final = FailureCode.OUTCOME_UNKNOWN


async def open_again(
    late: Late, case: IncomingRequest, lease: Lease, book: Journal, style: EventStyle, settle_after: float
) -> OwedEvents | None:
    """Write down what a try found out too late; returns when that is durable, however long it takes.

    Args:
        late: what it found out.
        case: the request.
        lease: that was lost.
        book: where it is written down.
        style: of the events.
        settle_after: seconds until something that left late must have ended.

    Returns:
        The events of doubt that are owed; None where nothing was told that would have to be taken back.
    """
    is_done = late.result is not None
    log.error("effect_late", kind=late.intent.kind, is_done=is_done)
    # Each lease of a request has a number of its own, so what is told now is told under ids of its own.
    again = replace(case, edition=lease.token)
    about = doubt_about(late.intent, is_done=is_done, code=_CODE)
    event, _outcome = told_in_doubt(again, about, style, attempts=lease.attempt)
    events = [event]
    doubt = Doubt(
        code=_CODE,
        events=events,
        message=stored(case.delivery, edition=again.edition),
        check_at=datetime.now(UTC) + timedelta(seconds=0 if is_done else settle_after),
    )
    while True:
        try:
            is_owed = await book.came_late(lease, case.facts, late.intent, result=late.result, doubt=doubt)
        except (LedgerUnavailable, AuditBroken) as fault:
            # Nobody else knows of it: it is not let go of before it is written down.
            log.error("effect_late_not_recorded", error=type(fault).__name__)
            await asyncio.sleep(_PAUSE)
        else:
            return OwedEvents(case.opening.request_key, case.correlation_id, events) if is_owed else None
