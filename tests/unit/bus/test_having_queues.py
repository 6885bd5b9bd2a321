"""The queues of a worker are declared side by side, and one that cannot be ends the start."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from bridge.bus.administered import have_queues
from bridge.bus.port import QueueSpec, WorkerBus
from bridge.errors import Misconfigured

QUEUES = [QueueSpec(f"t.{name}", (f"{name}.requested.v1",)) for name in ("first", "second", "third")]


class Declares:
    """A bus that declares as a test says."""

    def __init__(self, declare: Callable[[QueueSpec], Coroutine[Any, Any, None]]) -> None:
        self.declare = declare


async def have(declare: Callable[[QueueSpec], Coroutine[Any, Any, None]]) -> None:
    async with asyncio.timeout(10):
        await have_queues(cast("WorkerBus", Declares(declare)), QUEUES)


async def test_none_waits_for_another() -> None:
    all_begun = asyncio.Barrier(len(QUEUES))
    declared = []

    async def declare(queue: QueueSpec) -> None:
        await all_begun.wait()
        declared.append(queue)

    await have(declare)
    assert sorted(queue.name for queue in declared) == sorted(queue.name for queue in QUEUES)


async def test_what_is_wrong_with_one_is_told_though_another_is_tried_for_ever() -> None:
    ended = []

    async def declare(queue: QueueSpec) -> None:
        if queue is QUEUES[1]:
            raise Misconfigured("queue t.second: exists with other arguments, remove or rename it")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(queue)

    with pytest.raises(Misconfigured, match=r"t\.second"):
        await have(declare)
    assert QUEUES[0] in ended


async def test_who_stops_meanwhile_stops() -> None:
    begun = asyncio.Event()

    async def declare(_queue: QueueSpec) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(have(declare))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
