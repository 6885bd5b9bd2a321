"""The connections to one upstream, each a transport of its own.

A pool of httpx looks at every connection, and at every pair of them, for every request: at 200 requests in
flight that costs more than the requests. Here a request takes the lane that was used last, at no cost.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpx

_KEEPALIVE_SECONDS: Final = 30.0
_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEPALIVE_SECONDS)


class Lanes:
    """As many lanes as requests need at a time, up to a limit; those not needed for a while are closed.

    Args:
        tls: the context for `https` addresses.
        limit: of lanes in use.
        clock: seconds, monotonic.
    """

    def __init__(
        self, tls: ssl.SSLContext, *, limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tls = tls
        self._clock = clock
        self._free = asyncio.Semaphore(limit)
        self._idle: deque[tuple[float, httpx.AsyncHTTPTransport]] = deque()

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """A transport for one request at a time, its connection kept for the next one."""
        async with self._free:
            transport = self._idle.pop()[1] if self._idle else self._new()
            try:
                yield transport
            finally:
                self._idle.append((self._clock(), transport))
        await self._close_unneeded()

    def _new(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE)

    async def _close_unneeded(self) -> None:
        oldest = self._clock() - _KEEPALIVE_SECONDS
        while self._idle and self._idle[0][0] < oldest:
            await self._idle.popleft()[1].aclose()

    async def aclose(self) -> None:
        """Close every connection that is not in use."""
        while self._idle:
            await self._idle.popleft()[1].aclose()
