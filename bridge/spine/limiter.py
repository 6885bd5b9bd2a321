"""A rate limit that the other side enforces, kept by us first."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable


class RateLimiter:
    """At most `per_second` starts within any second, first come first served.

    A rate below one is one start per ``1 / rate`` seconds. Whoever is cancelled while waiting takes
    no start away from the others.

    Args:
        per_second: the rate.
        clock: seconds, monotonic.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        burst = max(1, int(per_second))
        self._window = burst / per_second
        self._most = burst
        self._starts: deque[float] = deque()
        self._turn = asyncio.Lock()  # wakes its waiters in the order they came
        self._clock = clock
        self._sleep = sleep

    async def start(self) -> None:
        """Return when the next call may start."""
        async with self._turn:
            while (wait := self.try_start()) > 0:
                await self._sleep(wait)

    def try_start(self) -> float:
        """Start the next call now and return 0, or return the seconds until it may start."""
        now = self._clock()
        while self._starts and self._starts[0] + self._window <= now:
            self._starts.popleft()
        if len(self._starts) == self._most:
            return self._starts[0] + self._window - now
        self._starts.append(now)
        return 0.0
