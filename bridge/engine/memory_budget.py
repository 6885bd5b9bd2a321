"""How much is worked on at a time: answers wait as the bytes they came as, not as what is made of them.

Hundreds of requests may be in flight, most of them waiting for a practice. When many large answers come at
once, each is parsed, mapped, written down and published in turn; only so many are between two of these.
"""

import asyncio
from types import TracebackType
from typing import Self

_ROOM = 8 * 1024 * 1024


class MemoryBudget:
    """Room for answers of so many bytes together; an answer larger than all of it is worked on alone."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._taken = 0
        self._waiting = 0
        self._changed = asyncio.Condition()

    async def take(self, size: int) -> None:
        """Wait for room, and take it."""
        if not self._waiting and self._has_room(size):
            self._taken += size
            return
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._has_room(size))
                self._taken += size
        finally:
            self._waiting -= 1

    def enlarge(self, size: int) -> None:
        """Take more without waiting."""
        self._taken += size

    async def free(self, size: int) -> None:
        """Give room back."""
        self._taken -= size
        if self._waiting:
            async with self._changed:
                self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        return not self._taken or self._taken + size <= self._room


class Reservation:
    """One request's share of the budget: nothing until an answer comes, given back at the end."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._size = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._size:
            await self._budget.free(self._size)

    async def take(self, size: int) -> None:
        """Take room for an answer of `size` bytes, on top of what this request has."""
        if self._size:
            # Nobody who has room waits for more: two of them could wait for each other.
            self._budget.enlarge(size)
        else:
            await self._budget.take(size)
        self._size += size
