"""Which calls were made for the request at hand: noted where they are made, read by the journal."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CallNote:
    """One call to PDS, SDS, the proxy or a practice. No URL: those carry NHS numbers (JO-033).

    Attributes:
        upstream: ``pds``, ``sds``, ``ssp`` or ``practice``.
        interaction: what was asked.
        where: ODS code of the practice, when it was one that was asked.
        trace_id: the id that both sides log.
        status: of HTTP; None when no answer came.
        outcome: ``answered``, or how it failed.
        duration_ms: until the answer was read, or given up.
    """

    upstream: str
    interaction: str
    where: str | None
    trace_id: str
    status: int | None
    outcome: str
    started_at: datetime
    duration_ms: float


_notes: ContextVar[list[CallNote] | None] = ContextVar("calls", default=None)


@contextlib.contextmanager
def noting_calls() -> Iterator[list[CallNote]]:
    """The calls made inside the block, in the order in which they ended."""
    notes: list[CallNote] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def note_call(note: CallNote) -> None:
    """Note a call; outside `noting_calls` nothing happens."""
    notes = _notes.get()
    if notes is not None:
        notes.append(note)
