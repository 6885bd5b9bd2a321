"""What requests of one worker write at the same time is in one transaction on a server too; none holds up others."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from bridge.ledger import Ended, Lease, Ledger
from bridge.settings import Settings
from tests.integration.ledger.site import events, opening, started

pytestmark = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)

COUNT = 12


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A session of somebody else."""
    session = await asyncpg.connect(settings.ledger.url)
    yield session
    session.terminate()


async def begun(ledger: Ledger) -> list[Lease]:
    """Requests that began at the same moment."""
    return [
        started(one).lease for one in await asyncio.gather(*map(ledger.begin, map(opening, range(COUNT))))
    ]


def end(ledger: Ledger, leases: list[Lease]) -> list[asyncio.Task[None]]:
    """End them at the same moment."""
    return [
        asyncio.create_task(ledger.finish(lease, state="completed", code=None, events=events(number)))
        for number, lease in enumerate(leases)
    ]


async def test_requests_that_end_at_the_same_moment_share_a_transaction(
    ledger: Ledger, server: asyncpg.Connection
):
    await asyncio.gather(*end(ledger, await begun(ledger)))
    wrote = await server.fetch("SELECT xmin::text FROM requests WHERE state = 'completed'")
    assert len(wrote) == COUNT
    assert len({row["xmin"] for row in wrote}) < COUNT / 2


async def test_a_request_that_waits_for_another_worker_holds_up_no_other(
    ledger: Ledger, server: asyncpg.Connection
):
    leases = await begun(ledger)
    async with server.transaction():
        await server.execute("SELECT 1 FROM requests WHERE id = $1 FOR UPDATE", leases[5].row)
        ends = end(ledger, leases)
        await asyncio.gather(*(each for number, each in enumerate(ends) if number != 5))
        assert not ends[5].done()
    await ends[5]
    for number in range(COUNT):
        assert await ledger.begin(opening(number)) == Ended("completed", None, events(number))


async def test_a_lone_request_that_waits_for_another_worker_holds_up_none_that_comes_later(
    ledger: Ledger, server: asyncpg.Connection
):
    first, second, *_ = await begun(ledger)
    await asyncio.gather(*end(ledger, [first, second]))
    told = [event.id for event in events(0)]
    async with server.transaction():
        await server.execute("SELECT 1 FROM events WHERE request_id = $1 FOR UPDATE", first.row)
        waiting = asyncio.create_task(ledger.published(first.request_key, told))
        await asyncio.sleep(0)  # it is asked for first
        await ledger.published(second.request_key, [event.id for event in events(1)])
        assert not waiting.done()
    await waiting
    assert await ledger.begin(opening(0)) == Ended("completed", None, [])
