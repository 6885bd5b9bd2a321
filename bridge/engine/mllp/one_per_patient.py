"""What a process has in hand about one patient is worked on one after the other, in the order it came in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import field

from bridge.values import dataclass


@dataclass(slots=True)
class _Queued:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class OnePerPatient:
    """A lock for each patient of whom something is in hand. Whoever asks first is first."""

    def __init__(self) -> None:
        self._queued: dict[str, _Queued] = {}

    @asynccontextmanager
    async def of(self, patient_key: str) -> AsyncIterator[None]:
        """Wait until nothing that came before is worked on, and keep the patient while the block runs.

        The place in the order is that of the call: nothing is awaited before it is taken.
        """
        queued = self._queued.setdefault(patient_key, _Queued())
        queued.wanted += 1
        try:
            async with queued.lock:
                yield
        finally:
            queued.wanted -= 1
            if not queued.wanted:
                del self._queued[patient_key]
