"""A look at something that may be slow or away: bounded in time, and shared by all who ask meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LONGEST_LOOK: Final = 3.0
"""Seconds for which an answer waits for a look; Prometheus itself gives up after ten."""
_FRESH: Final = 1.0
"""Seconds for which what was seen is told again."""


class Look(Generic[T]):
    """Looks when it is asked, once at a time.

    A look that takes too long is not cut off, because a driver in the middle of a question may take long to
    let go of it: whoever asked goes on without an answer, and the next one joins it.

    Args:
        look: looks.
        on_failure: told of what it raised.
        longest: seconds that an answer waits for it.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[T]],
        *,
        on_failure: Callable[[Exception], None],
        longest: float = LONGEST_LOOK,
    ) -> None:
        self._look = look
        self._on_failure = on_failure
        self._longest = longest
        self._running: asyncio.Task[None] | None = None
        self._seen: T | None = None
        self._seen_at = 0.0

    async def __call__(self) -> T | None:
        """What is to be seen now, or was a moment ago; None when that cannot be said."""
        if self._running is None or self._running.done():
            if self._seen is not None and time.monotonic() - self._seen_at < _FRESH:
                return self._seen
            self._seen = None
            self._running = asyncio.create_task(self._run())
        # Not `wait_for`, which would cancel the look for all.
        await asyncio.wait([self._running], timeout=self._longest)
        return self._seen if self._running.done() else None

    async def _run(self) -> None:
        try:
            self._seen = await self._look()
            self._seen_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises: nothing could be seen
            self._on_failure(error)

    def running(self) -> list[asyncio.Task[None]]:
        """The look that is under way, to be ended."""
        return [self._running] if self._running is not None and not self._running.done() else []
