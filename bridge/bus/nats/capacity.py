"""Whether the server has room: while it refuses what is published nothing more is taken, we are not ready.

RabbitMQ does so by itself: with its disk alarm, or a full queue of events, it reads nothing more from a
publisher, and a worker takes no more than it has in hand. A worker on NATS could go on taking requests whose
outcomes have no place.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nats.js.errors import APIError

from bridge.bus.nats.publishing import Publication
from bridge.observe.causes import cause_of

_LIMIT_OF_STREAM: Final = 10077
"""The server's number for a message that would go over a limit of its stream; there is room elsewhere."""


class Capacity:
    """What the server refuses to keep, until it is kept or given up."""

    def __init__(self) -> None:
        self._refused: set[Publication] = set()
        self._there = asyncio.Event()
        self._there.set()

    @property
    def is_there(self) -> bool:
        """Whether nothing waits for room."""
        return self._there.is_set()

    async def wait(self) -> None:
        """Return when nothing waits for room."""
        await self._there.wait()

    @contextmanager
    def kept(self, publication: Publication) -> Iterator[None]:
        """Around all tries of one message."""
        try:
            yield
        finally:
            self._refused.discard(publication)
            if not self._refused:
                self._there.set()

    def refused(self, publication: Publication, error: Exception) -> None:
        """One of them failed: is it for want of room, that is noted.

        Where only the stream of a copy is full, such as that of the dead letters, one message waits for it,
        and the rest goes on.
        """
        cause = cause_of(error)
        if cause is None or cause.code != "storage_full":
            return
        if publication.is_copy and isinstance(error, APIError) and error.err_code == _LIMIT_OF_STREAM:
            return
        self._refused.add(publication)
        self._there.clear()
