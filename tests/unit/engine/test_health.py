"""What a process says of its readiness while it starts, serves and stops."""

import asyncio

import pytest

from bridge.engine.http.health import ready_while


async def closed() -> dict[str, bool]:
    raise ConnectionError("closed")


async def test_before_it_serves_it_has_not_started():
    assert await ready_while(lambda: None) == {"started": False}


async def test_while_it_serves_it_is_asked():
    async def ready() -> dict[str, bool]:
        return {"bus": True}

    assert await ready_while(lambda: ready) == {"bus": True}


async def test_what_is_closed_under_the_question_is_no_fault_once_it_stops():
    stopping, asked = asyncio.Event(), asyncio.Event()

    async def closed_meanwhile() -> dict[str, bool]:
        asked.set()
        await stopping.wait()
        return await closed()

    asking = asyncio.create_task(ready_while(lambda: None if stopping.is_set() else closed_meanwhile))
    await asked.wait()
    stopping.set()
    assert await asking == {"started": False}


async def test_what_fails_while_it_serves_is_a_fault():
    with pytest.raises(ConnectionError):
        await ready_while(lambda: closed)
