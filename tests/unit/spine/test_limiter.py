import asyncio

import pytest

from bridge.spine.limiter import RateLimiter


class VirtualTime:
    def __init__(self) -> None:
        self.now = 0.0
        self.waits = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        await asyncio.sleep(0)
        self.now += seconds


@pytest.mark.parametrize(("rate", "window", "burst"), [(5.0, 1.0, 5), (2.5, 0.8, 2), (0.5, 2.0, 1)])
async def test_no_window_holds_more_starts_than_the_rate_allows(rate: float, window: float, burst: int):
    time = VirtualTime()
    limiter = RateLimiter(rate, clock=time.clock, sleep=time.sleep)
    starts = []
    for _ in range(23):
        await limiter.start()
        starts.append(time.now)

    for first, beyond in zip(starts, starts[burst:], strict=False):
        assert beyond - first >= window - 1e-9


async def test_the_first_ones_do_not_wait():
    time = VirtualTime()
    limiter = RateLimiter(5.0, clock=time.clock, sleep=time.sleep)
    for _ in range(5):
        await limiter.start()

    assert time.waits == 0


async def test_first_come_first_served():
    time = VirtualTime()
    limiter = RateLimiter(1.0, clock=time.clock, sleep=time.sleep)
    order: list[int] = []

    async def caller(number: int) -> None:
        await limiter.start()
        order.append(number)

    await asyncio.gather(*(caller(number) for number in range(8)))

    assert order == list(range(8))


async def test_a_caller_that_gives_up_takes_no_start_from_the_others():
    time = VirtualTime()
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await gate.wait()
        time.now += seconds

    limiter = RateLimiter(1.0, clock=time.clock, sleep=sleep)
    await limiter.start()
    waiting = [asyncio.create_task(limiter.start()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting[:2]:  # the one that sleeps, and one in the queue behind it
        task.cancel()
    gate.set()
    await waiting[2]

    assert time.now == 1.0
    assert [task.cancelled() for task in waiting] == [True, True, False]
