"""Tasks that run for ever end when they are told to, once or more."""

import asyncio

from bridge.tasks import end


async def test_a_task_that_kept_a_cancellation_to_itself_is_ended_all_the_same():
    told = 0

    async def run() -> None:
        nonlocal told
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                told += 1
                if told > 1:
                    raise

    running = asyncio.create_task(run())
    await asyncio.sleep(0)
    await end(running)
    assert running.cancelled()
    assert told == 2


async def test_what_a_task_ended_with_is_nobody_s_concern():
    async def fail() -> None:
        raise ConnectionError

    failed = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await end(failed)
    await end()
    assert failed.done()
