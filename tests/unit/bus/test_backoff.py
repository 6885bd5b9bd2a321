"""Waiting for a broker: what is said of it, and that it ends when the task that waits is to end."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bridge.bus.backoff import Backoff, persist


async def test_waiting_for_a_broker_is_logged_now_and_then_without_its_address() -> None:
    backoff = Backoff("broker_unreachable")
    with capture_logs() as logs:
        for _ in range(6):
            await backoff.wait(ConnectionError("amqp://user:password@broker"))
    assert [line["tries"] for line in logs if line["event"] == "broker_unreachable"] == [1, 6]
    assert [line["cause"] for line in logs if line["event"] != "broker_unreachable"] == ["connection_broken"]
    assert "password" not in repr(logs)


async def test_a_stop_is_heard_that_comes_as_a_try_fails() -> None:
    tries = 0

    async def call() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            trying.cancel()
            raise ConnectionRefusedError

    trying = asyncio.create_task(persist(call, Backoff("broker_unreachable"), faults=(), timeout=5))
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert tries == 1


async def test_a_task_whose_try_kept_its_cancellation_to_itself_waits_no_more():
    """As `asyncio.wait_for` of Python 3.11 does when what it waits for ends in the same moment."""
    tries = 0

    async def call() -> None:
        nonlocal tries
        tries += 1
        waiting.cancel()
        raise ConnectionError

    async def wait() -> None:
        await persist(call, Backoff("publish_retrying"), faults=(), timeout=60)

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
            await Backoff("publish_retrying").wait(cancelled)
        raise AssertionError

    connecting = asyncio.create_task(connect())
    await begun.wait()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert swallowed
    assert connecting.cancelled()
