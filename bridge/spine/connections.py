"""The connections to one upstream, each a transport of its own.

A pool of httpx looks at every connection, and at every pair of them, for every request: at 200 requests in
flight that costs more than the requests. Here a request takes the connection that was used last, at no cost.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import httpx

_KEEPALIVE_SECONDS: Final = 30.0
_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEPALIVE_SECONDS)


class _Idle(NamedTuple):
    since: float
    tls: ssl.SSLContext
    transport: httpx.AsyncHTTPTransport


class Connections:
    """As many connections as requests need at a time, up to a limit; idle ones are closed after a while.

    Args:
        tls: gives the context for `https` addresses. When it gives another one, because certificates were
            replaced, requests in flight end as they began, and their connections are not used again: nothing
            more is sent over a connection made with a certificate that has been withdrawn.
        limit: of connections in use.
        clock: seconds, monotonic.
    """

    def __init__(
        self, tls: Callable[[], ssl.SSLContext], *, limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tls = tls
        self._clock = clock
        self._free = asyncio.Semaphore(limit)
        self._idle: deque[_Idle] = deque()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """A transport for one request at a time, its connection kept for the next one.

        Whatever ends the block other than well, a deadline and a cancellation included, closes the
        connection: what is left of it can be half a request, half an answer, or a place in the pool of a
        transport that is never given back (encode/httpcore#1093), and it would be the first one taken again.
        """
        async with self._free:
            tls = self._tls()
            if self._idle and self._idle[-1].tls is not tls:
                await self.aclose()
            transport = self._idle.pop().transport if self._idle else _transport(tls)
            try:
                yield transport
            except BaseException:
                await transport.aclose()
                raise
            if tls is self._tls():
                self._idle.append(_Idle(self._clock(), tls, transport))
            else:
                await transport.aclose()
        await self._close_unneeded()

    async def _close_unneeded(self) -> None:
        oldest = self._clock() - _KEEPALIVE_SECONDS
        while self._idle and self._idle[0].since < oldest:
            await self._idle.popleft().transport.aclose()

    async def aclose(self) -> None:
        """Close every connection that is not in use."""
        while self._idle:
            await self._idle.popleft().transport.aclose()


def _transport(tls: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(verify=tls, limits=_ONE)
