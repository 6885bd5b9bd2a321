"""Waiting for a broker ends when the task that waits is to end."""

import asyncio

import pytest

from bridge.bus.backoff import Patience, persist


async def test_a_task_whose_try_kept_its_cancellation_to_itself_waits_no_more():
    """As `asyncio.wait_for` of Python 3.11 does when what it waits for ends in the same moment."""
    tries = 0

    async def call() -> None:
        nonlocal tries
        tries += 1
        waiting.cancel()
        raise ConnectionError

    async def wait() -> None:
        await persist(call, Patience("trying"), faults=(), timeout=60)

    waiting = asyncio.create_task(wait())
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert tries == 1


async def test_what_a_driver_catches_is_told_again_when_it_waits():
    begun = asyncio.Event()
    swallowed = False

    async def connect() -> None:
        nonlocal swallowed
        try:
            begun.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError as cancelled:
            swallowed = True
            await Patience("trying").wait(cancelled)
        raise AssertionError

    connecting = asyncio.create_task(connect())
    await begun.wait()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert swallowed
    assert connecting.cancelled()
