"""What was done after its worker had lost the lease: never dropped, whatever was told in the meantime.

A worker may stand still between its last look at the clocks and the first byte: nothing that runs on it can
keep that from happening. Others have then found that nothing was done, and said so. So the request is opened
again as in doubt, which is published, and the check that follows comes to what was really done.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.bus.port import Done
from bridge.engine.in_doubt_events import events_in_doubt
from bridge.engine.incoming import IncomingRequest
from bridge.engine.journal import Journal
from bridge.engine.messages import stored
from bridge.engine.rendering import Renderer
from bridge.engine.side_effects import Late, in_doubt_about
from bridge.errors import FailureCode
from bridge.ledger import Lease, LedgerUnavailable, OwedEvents, Reopening
from bridge.ledger.audit.trail import AuditBroken
from bridge.observe import record
from bridge.observe.vocabulary.requests import LateSideEffectNotRecorded, SideEffectLate

_PAUSE: Final = 5.0
_CODE: Final = FailureCode.OUTCOME_UNKNOWN


async def open_again(
    late: Late,
    incoming: IncomingRequest,
    lease: Lease,
    journal: Journal,
    renderer: Renderer,
    settle_after: float,
) -> OwedEvents | None:
    """Write down what a try found out too late; returns when that is durable, however long it takes.

    Args:
        late: what it found out.
        incoming: the request.
        lease: that was lost.
        journal: where it is written down.
        renderer: makes the messages.
        settle_after: seconds until something that left late must have ended.

    Returns:
        The events in doubt that are owed; None where nothing was told that would have to be taken back.
    """
    is_done = late.result is not None
    record(SideEffectLate(late.intent.kind, is_done))
    # Each lease of a request has a number of its own, so what is told now is told under ids of its own.
    again = replace(incoming, edition=lease.token)
    told = in_doubt_about(late.intent, is_done=is_done, code=_CODE)
    events, _disposition = events_in_doubt(again, told, renderer, Done(), attempts=lease.attempt)
    reopening = Reopening(
        code=_CODE,
        events=events,
        message=stored(incoming.delivery, edition=again.edition),
        check_at=datetime.now(UTC) + timedelta(seconds=0 if is_done else settle_after),
    )
    while True:
        try:
            is_owed = await journal.requests.came_late(
                lease, incoming.facts(), late.intent, result=late.result, reopening=reopening
            )
        except (LedgerUnavailable, AuditBroken) as fault:
            # Nobody else knows of it: it is not let go of before it is written down.
            record(LateSideEffectNotRecorded(type(fault).__name__))
            await asyncio.sleep(_PAUSE)
        else:
            return (
                OwedEvents(incoming.opening.request_key, incoming.correlation_id, events) if is_owed else None
            )
