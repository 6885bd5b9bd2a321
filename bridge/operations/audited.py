"""What an operator does, and the audit trail: no action without its entry, and no outcome that it lacks.

What is done in the ledger is written down in the same transaction: jobs planned, confirmed, paused and
stopped, doubts checked and closed. What is done elsewhere (a body is opened, a file is written) is written
down first, as done; where it then fails, a second entry of the same event says so, with `failed` and the
kind of error. So an entry that stands alone may tell of a little more than was done, as when the process was
killed in between, and never of less.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from bridge.ledger import RequestHistory
from bridge.ledger.audit.trail import Actor, AuditTrail, Entry


def entry_about(known: RequestHistory, event: str, actor: Actor, facts: Mapping[str, str]) -> Entry:
    """The entry of what somebody does about a request."""
    return Entry(
        event=event,
        outcome="completed",
        actor=actor,
        patient_key=known.patient_key,
        request_key=known.request_key,
        correlation_id=known.correlation_id,
        facts=facts,
    )


@asynccontextmanager
async def audited(trail: AuditTrail, entry: Entry) -> AsyncIterator[None]:
    """Write an entry, then do in the block what it tells of.

    Raises:
        AuditBroken, LedgerUnavailable: the trail does not take it, and the block is not run.
    """
    await trail.record(entry)
    try:
        yield
    except Exception as error:
        await trail.record(replace(entry, outcome="failed", code=type(error).__name__))
        raise
