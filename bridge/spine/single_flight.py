"""One call for everybody who needs its answer at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class SingleFlight(Generic[_Key, _Value]):
    """At most one running call per key; whoever asks meanwhile gets its answer, or its failure.

    A queue of callers, each making its own call in turn, would add up their timeouts when the other
    side is slow. Cancelling one caller does not disturb the call, which the others still wait for.
    """

    def __init__(self) -> None:
        self._running: dict[_Key, asyncio.Task[_Value]] = {}

    async def run(self, key: _Key, call: Callable[[], Coroutine[Any, Any, _Value]]) -> _Value:
        """The answer of `call`, or of the one already running under `key`."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(call())
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    def _finished(self, key: _Key, task: asyncio.Task[_Value]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # every caller may have been cancelled; then nobody else looks at it
