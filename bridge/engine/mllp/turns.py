"""Whose turn it is: what a process has in hand about one patient is worked on in the order it came in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Line:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class Turns:
    """A line for each patient of whom something is in hand. Whoever joins first is first."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def of(self, patient_key: str) -> AsyncIterator[None]:
        """Wait for the turn, and keep it while the block runs.

        The place in the line is that of the call: nothing is awaited before it is taken.
        """
        line = self._lines.setdefault(patient_key, _Line())
        line.wanted += 1
        try:
            async with line.lock:
                yield
        finally:
            line.wanted -= 1
            if not line.wanted:
                del self._lines[patient_key]
