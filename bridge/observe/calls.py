"""Which calls were made for the request at hand: heard where they are made, read by the journal."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bridge.observe.recorder import recording
from bridge.observe.vocabulary.base import TelemetryEvent
from bridge.observe.vocabulary.upstreams import UpstreamCall
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class CallNote:
    """One call to PDS, SDS, the proxy or a practice. No URL: those carry NHS numbers (JO-033).

    Attributes:
        upstream: ``pds``, ``sds``, ``ssp`` or ``practice``.
        interaction: what was asked.
        where: ODS code of the practice, when it was one that was asked.
        trace_id: the id that both sides log.
        status: of HTTP; None when no answer came.
        result: ``answered``, or how it failed.
        duration_ms: until the answer was read, or given up.
    """

    upstream: str
    interaction: str
    where: str | None
    trace_id: str
    status: int | None
    result: str
    started_at: datetime
    duration_ms: float


class _CallNotes:
    def __init__(self) -> None:
        self.notes: list[CallNote] = []

    def record(self, event: TelemetryEvent) -> None:
        if isinstance(event, UpstreamCall):
            started_at = datetime.fromtimestamp(time.time() - event.duration_ms / 1000, UTC)
            self.notes.append(
                CallNote(
                    event.upstream,
                    event.interaction,
                    event.practice_ods,
                    event.trace_id,
                    event.status,
                    event.result,
                    started_at,
                    event.duration_ms,
                )
            )


@contextlib.contextmanager
def noting_calls() -> Iterator[list[CallNote]]:
    """The calls made inside the block, in the order in which they ended."""
    calls = _CallNotes()
    with recording(calls):
        yield calls.notes
