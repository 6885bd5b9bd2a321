"""The connections to one upstream: as many as requests need at a time, and kept for the next ones.

A request takes the connection that was used last, at no cost; a pool that looks at every connection for every
request costs more than the requests when 200 are in flight.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from bridge.spine.connection import Connection, HttpOrigin, connect

_KEEPALIVE_SECONDS: Final = 30.0


class Taken(NamedTuple):
    """A connection while a request uses it.

    Attributes:
        connection: that it uses alone.
        origin: where it leads.
        tls: what the upstream's connections were made with when it was taken; None over plain HTTP.
    """

    connection: Connection
    origin: HttpOrigin
    tls: ssl.SSLContext | None


class _Idle(NamedTuple):
    since: float
    origin: HttpOrigin
    connection: Connection


class Connections:
    """As many connections as requests need at a time, up to a limit; idle ones are closed after a while.

    Args:
        tls: gives the context for `https` addresses. When it gives another one, because certificates were
            replaced, requests in flight end as they began, and their connections are not used again: nothing
            more is sent over a connection made with a certificate that has been withdrawn.
        limit: of connections, in use or idle.
        timeout: seconds that connecting may take.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        tls: Callable[[], ssl.SSLContext],
        *,
        limit: int,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tls = tls
        self._made_with: ssl.SSLContext | None = None
        self._limit = limit
        self._timeout = timeout
        self._clock = clock
        self._free = asyncio.Semaphore(limit)
        self._in_use = 0
        self._idle: deque[_Idle] = deque()

    async def take(self, origin: HttpOrigin, *, until: float) -> Taken:
        """A connection for one request at a time, which must be given back.

        Args:
            origin: the server.
            until: when there must be one, by the clock of the event loop.

        Raises:
            Unconnected: none can be made.
            TimeoutError: there was none by then.
        """
        if self._free.locked():
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        else:
            await self._free.acquire()  # at once: what never waits needs no time-out
        self._in_use += 1
        try:
            tls = self._tls() if origin.secure else None
            if tls is not None and tls is not self._made_with:
                self._close_idle()
                self._made_with = tls
            return Taken(self._kept(origin) or await self._connect(origin, tls, until), origin, tls)
        except BaseException:
            self._leave()
            raise

    def give_back(self, taken: Taken, *, is_whole: bool) -> None:
        """The request is over: keep the connection for the next one, or close it.

        Args:
            taken: what it used.
            is_whole: whether it came to its end. Whatever else ended it, a deadline and a cancellation
                included, closes the connection: what is left of it can be half a request or half an answer.
        """
        self._leave()
        connection, origin, tls = taken
        is_current = tls is None or tls is self._tls()
        if is_whole and is_current and connection.is_kept:  # looked at more closely before it is used
            self._idle.append(_Idle(self._clock(), origin, connection))
        else:
            connection.abort()
        self._close_unneeded()

    def _leave(self) -> None:
        self._in_use -= 1
        self._free.release()

    async def _connect(self, origin: HttpOrigin, tls: ssl.SSLContext | None, until: float) -> Connection:
        if len(self._idle) + self._in_use > self._limit:
            self._idle.popleft().connection.abort()
        async with asyncio.timeout_at(until):
            return await connect(origin, tls, self._timeout)

    def _kept(self, origin: HttpOrigin) -> Connection | None:
        """The one that was used last of those to this server that still stand."""
        for number in range(len(self._idle) - 1, -1, -1):
            if self._idle[number].origin == origin:
                connection = self._idle[number].connection
                del self._idle[number]
                if connection.may_be_used_again:
                    return connection
                connection.abort()
        return None

    def _close_unneeded(self) -> None:
        oldest = self._clock() - _KEEPALIVE_SECONDS
        while self._idle and self._idle[0].since < oldest:
            self._idle.popleft().connection.abort()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.popleft().connection.abort()

    async def aclose(self) -> None:
        """Close every connection that is not in use."""
        self._close_idle()
        await asyncio.sleep(0)  # which is when the sockets are closed
