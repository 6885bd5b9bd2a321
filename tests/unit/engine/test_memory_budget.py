"""However many answers come at once, only so many bytes of them are worked on."""

import asyncio

import pytest

from bridge.engine.memory_budget import MemoryBudget, Reservation

MIB = 1024 * 1024


class Worked:
    """A request that has reserved its share and keeps it until it is told to end."""

    def __init__(self, budget, *sizes):
        self.has_room = False
        self._may_end = asyncio.Event()
        self._task = asyncio.create_task(self._work(budget, sizes))

    async def _work(self, budget, sizes):
        async with Reservation(budget) as reservation:
            for size in sizes:
                await reservation.take(size)
            self.has_room = True
            await self._may_end.wait()

    async def end(self):
        self._may_end.set()
        await self._task

    async def cancel(self):
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task


async def settled():
    """Every task has gone as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def at_work(budget, *sizes):
    """One request for each size, begun in this order."""
    requests = [Worked(budget, size) for size in sizes]
    await settled()
    return requests


def with_room(requests):
    return [request.has_room for request in requests]


async def ended(*requests):
    for request in requests:
        await request.end()


async def test_who_finds_no_room_waits_until_it_is_given_back():
    first, second, third = requests = await at_work(MemoryBudget(10), 6, 4, 1)
    assert with_room(requests) == [True, True, False]
    await first.end()
    await settled()
    assert third.has_room
    await ended(second, third)


async def test_all_of_the_room_can_be_used_and_no_more():
    requests = await at_work(MemoryBudget(10), 10, 1)
    assert with_room(requests) == [True, False]
    await ended(*requests)


async def test_eight_mebibytes_are_worked_on_by_default():
    requests = await at_work(MemoryBudget(), 4 * MIB, 4 * MIB, 1)
    assert with_room(requests) == [True, True, False]
    await ended(*requests)


async def test_an_answer_larger_than_all_of_it_is_worked_on_alone():
    small, large, other = requests = await at_work(MemoryBudget(10), 1, 50, 10)
    assert with_room(requests) == [True, False, False]
    await small.end()
    await settled()
    assert with_room([large, other]) == [True, False]
    await large.end()
    await settled()
    assert other.has_room
    await other.end()


async def test_who_has_room_never_waits_for_more_and_gives_back_all_of_it():
    budget = MemoryBudget(10)
    greedy = Worked(budget, 6, 6)
    await settled()
    (other,) = await at_work(budget, 1)
    assert (greedy.has_room, other.has_room) == (True, False)
    await greedy.end()
    (last,) = await at_work(budget, 9)
    assert with_room([other, last]) == [True, True]
    await ended(other, last)


async def test_a_request_that_is_cut_off_gives_its_room_back():
    budget = MemoryBudget(10)
    held, waiting = await at_work(budget, 10, 10)
    await waiting.cancel()
    await held.cancel()
    (last,) = await at_work(budget, 10)
    assert last.has_room
    await last.end()
