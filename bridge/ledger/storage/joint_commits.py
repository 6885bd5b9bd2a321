"""Steps that share a transaction: those that are asked for while a commit is under way are in the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from bridge.ledger.storage.store import LedgerStep

T = TypeVar("T")

MOST_PER_COMMIT: Final = 64
_CROWD: Final = 3
_GATHERING_SECONDS: Final = 0.01
"""When this many steps shared a commit, the next one waits this long for more to join it: what a commit costs
hardly depends on how many rows are in it, and requests that go on together cost the event loop less too."""


class StepResult(NamedTuple):
    """What became of a step."""

    value: Any = None
    error: Exception | None = None


class AskedStep(NamedTuple):
    """A step that waits for the next commit; see `Store.write`. `ended` is told when it is durable."""

    step: LedgerStep[Any]
    single: bool
    synced: bool
    ended: asyncio.Future[Any]


class JointCommits:
    """One commit after the other, each of all steps that were asked for meanwhile.

    Args:
        commit: does so; what one of the steps raises is in its own result.
    """

    def __init__(self, commit: Callable[[Sequence[AskedStep]], Awaitable[Sequence[StepResult]]]) -> None:
        self._commit = commit
        self._asked: list[AskedStep] = []
        self._drained: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no commit is under way, and none is asked for."""
        return self._drained is None or self._drained.done()

    async def write(self, step: LedgerStep[T], *, single: bool, synced: bool = True) -> T:
        """Run `step` with others; returns when it is durable. It is kept though its caller is cancelled."""
        ended: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.append(AskedStep(step, single, synced, ended))
        if self._drained is None or self._drained.done():
            self._drained = asyncio.create_task(self._drain())
        return await ended

    async def close(self) -> None:
        """Commit what was asked for."""
        if self._drained:
            await self._drained

    async def _drain(self) -> None:
        while self._asked:
            group = self._asked[:MOST_PER_COMMIT]
            del self._asked[:MOST_PER_COMMIT]
            for one, result in zip(group, await self._commit(group), strict=True):
                if one.ended.done():  # its caller was cancelled
                    continue
                if result.error:
                    one.ended.set_exception(result.error)
                else:
                    one.ended.set_result(result.value)
            if len(group) >= _CROWD and len(self._asked) < MOST_PER_COMMIT:
                await asyncio.sleep(_GATHERING_SECONDS)
