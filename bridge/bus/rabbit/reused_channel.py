"""The channel on which a broker is asked how many messages and consumers its queues have, again and again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from bridge.bus.backoff import CALL_TIMEOUT


class ReusedChannel:
    """One channel for all questions, one at a time, which the broker may close: the next makes another.

    A channel for each question would leave something of it on the connection each time, for as long as that
    lasts: aio-pika 10.2 takes its callbacks back from another future than it gave them to, because aiormq 7.2
    makes one whenever it is asked for it.

    Args:
        opens: a channel that is ready.
    """

    def __init__(self, opens: Callable[[], Awaitable[AbstractChannel]]) -> None:
        self._opens = opens
        self._turn = asyncio.Lock()
        self._channel: AbstractChannel | None = None

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """The channel, for one question or a few; after a fault of any kind it is not used again."""
        async with self._turn:
            if self._channel is None or self._channel.is_closed:
                await self._close()
                self._channel = await self._opens()
            try:
                yield self._channel
            except BaseException:
                await self._close()
                raise

    async def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                await asyncio.wait_for(channel.close(), CALL_TIMEOUT)
