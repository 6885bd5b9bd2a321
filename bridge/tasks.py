"""How tasks that run for ever are ended."""

import asyncio
from typing import Any

_AGAIN = 1.0
"""Seconds after which one that goes on is cancelled again."""


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have ended, whatever they end with.

    Once is not enough: `asyncio.wait_for` of Python 3.11, and drivers that take a cancellation for a broken
    link, keep one to themselves when what they wait for ends in the same moment. The task would go on for
    ever, and whoever waits for it.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)
