"""Notices a consumer that is gone while the connection looks well.

Drivers restore consumers after a reconnection, and now and then one does not come back: the process then
sits idle beside a full queue. The only sure cure is a new process.
"""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.observe import record
from bridge.observe.vocabulary.bus import ConsumerLost, WatchdogUnanswered
from bridge.tasks import end

MISSED_CHECKS = 3
_CHECK_TIMEOUT = 10.0

IsConsuming = Callable[[str], Awaitable[bool]]
"""Whether the consumer of the named queue lives; may raise when the broker is away."""


class Watchdog:
    """Asks at intervals whether every consumer that should exist does.

    Args:
        on_lost: called once, when one was missing for `MISSED_CHECKS` checks in a row.
        interval: seconds between two checks.
    """

    def __init__(self, on_lost: Callable[[], None] | None, *, interval: float) -> None:
        self._on_lost = on_lost
        self._interval = interval
        self._missed: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self, is_consuming: IsConsuming) -> None:
        """Start checking, in the background."""
        self._task = asyncio.create_task(self._watch(is_consuming))

    def watch(self, queue: str) -> None:
        """Expect a consumer of `queue` from now on."""
        self._missed[queue] = 0

    async def stop(self) -> None:
        """Expect nothing any more."""
        if self._task is not None:
            await end(self._task)
            self._task = None
        self._missed.clear()

    async def _watch(self, is_consuming: IsConsuming) -> None:
        while True:
            await asyncio.sleep(self._interval)
            for queue in tuple(self._missed):
                await self._check(queue, is_consuming)

    async def _check(self, queue: str, is_consuming: IsConsuming) -> None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                consuming = await is_consuming(queue)
        except Exception as error:  # noqa: BLE001 - the broker is away: its return restores the consumer, or not
            record(WatchdogUnanswered(queue, type(error).__name__))
            return
        self._missed[queue] = 0 if consuming else self._missed[queue] + 1
        if self._missed[queue] == MISSED_CHECKS:
            record(ConsumerLost(queue))
            if self._on_lost is not None:
                self._on_lost()
