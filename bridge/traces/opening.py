"""Traces of one process, from its start to its end; see `bridge.observe.spans` for who makes spans."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from bridge.observe import record
from bridge.observe.spans import making_spans
from bridge.observe.vocabulary.process import SpansNotSent
from bridge.traces.variables import traces_are_on

_LONGEST_FLUSH: Final = 5.0
"""Seconds at most that a process waits for its last spans at its end."""


class Traces:
    """Says until when the last spans may be waited for."""

    def __init__(self) -> None:
        self._stop_by: float | None = None

    def stop_by(self, moment: float) -> None:
        """The process has to have ended by then, by the clock of the event loop."""
        self._stop_by = moment

    @property
    def patience(self) -> float:
        """Seconds that are left for the last spans."""
        if self._stop_by is None:
            return _LONGEST_FLUSH
        return min(_LONGEST_FLUSH, max(0.0, self._stop_by - asyncio.get_running_loop().time()))


@asynccontextmanager
async def tracing() -> AsyncIterator[Traces]:
    """Make spans in the block and send them, where traces are on; in the end, send what is left.

    A collector that is slow or away costs spans and nothing else: they wait in a queue that has an end, and a
    thread of its own sends them.
    """
    traces = Traces()
    if not traces_are_on():
        yield traces
        return
    # Of the extra `otel`, which need not be installed where traces are off.
    from bridge.traces.sending import open_provider  # noqa: PLC0415

    provider = open_provider()
    try:
        with making_spans(provider.get_tracer("gpconnect-bridge")):
            yield traces
    finally:
        if not await _done_within(provider.shutdown, traces.patience):
            record(SpansNotSent("stopping"))


async def _done_within(call: Callable[[], None], seconds: float) -> bool:
    """Make a call that may block for long, and give it up when its time is over."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        call()
        with suppress(RuntimeError):  # nobody waits any more, and the loop is closed
            loop.call_soon_threadsafe(done.set)

    # No executor of the loop: the process would wait for it at its end, for as long as it takes.
    threading.Thread(target=run, name="last-spans", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await done.wait()
    return done.is_set()
