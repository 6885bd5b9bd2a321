"""The database gone, full or locked: one error, nothing half done, and it works again afterwards."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.ledger import Ended, Ledger, LedgerUnavailable, Running, StoredEvent, open_ledger
from bridge.ledger.storage.schema import upgrade
from bridge.ledger.storage.sqlite import SqliteStore
from bridge.settings import LedgerSettings, Settings
from tests.integration.ledger.site import NHS_NUMBER, Clock, events, opening, sealer_in, started
from tests.support.postgres import PostgresNode, fresh_database


@pytest.fixture
def node(postgres_node: PostgresNode) -> Iterator[PostgresNode]:
    """The private server, which runs again afterwards."""
    yield postgres_node
    postgres_node.stop()
    postgres_node.start()


@pytest.fixture
async def on_node(node: PostgresNode, tmp_path: Path, clock: Clock) -> AsyncIterator[Ledger]:
    """A ledger on a server that the test may kill."""
    with contextlib.ExitStack() as stack:
        url = await asyncio.to_thread(stack.enter_context, fresh_database(node.url))
        settings = Settings(state_dir=tmp_path, ledger=LedgerSettings(url=url))
        async with open_ledger(settings, sealer_in(tmp_path), clock=clock) as ledger:
            yield ledger
        await asyncio.to_thread(stack.close)


async def test_a_server_that_is_killed_keeps_what_it_confirmed(on_node: Ledger, node: PostgresNode):
    claims = [started(await on_node.begin(opening(number))) for number in range(5)]
    await on_node.finish(claims[0].lease, state="completed", code=None, events=events(0))
    node.kill()
    with pytest.raises(LedgerUnavailable):
        await on_node.finish(claims[1].lease, state="completed", code=None, events=events(1))
    with pytest.raises(LedgerUnavailable):
        await on_node.begin(opening(9))
    with pytest.raises(LedgerUnavailable):
        await on_node.oversight.draw_balance()
    node.start()
    assert await on_node.begin(opening(0)) == Ended("completed", None, events(0))
    assert isinstance(await on_node.begin(opening(1)), Running)
    for number, claim in enumerate(claims[1:], start=1):
        await on_node.finish(claim.lease, state="completed", code=None, events=events(number))
    started(await on_node.begin(opening(9)))
    balance = await on_node.oversight.draw_balance()
    assert (balance.completed, balance.in_flight) == (5, 1)


async def test_a_server_that_is_killed_among_many_requests_loses_none(on_node: Ledger, node: PostgresNode):
    done = asyncio.Queue[int]()

    async def work(number: int) -> None:
        while True:
            with contextlib.suppress(LedgerUnavailable):
                claim = await on_node.begin(opening(number))
                if isinstance(claim, Ended):
                    done.put_nowait(number)
                    return
                lease = started(claim).lease
                try:
                    await on_node.finish(lease, state="completed", code=None, events=events(number))
                finally:
                    await on_node.release(lease)
            await asyncio.sleep(0.01)

    async def kill() -> None:
        for share in (10, 20, 20):
            for _ in range(share):
                await done.get()
            await asyncio.to_thread(node.kill)
            await asyncio.to_thread(node.start)

    await asyncio.gather(kill(), *(work(number) for number in range(80)))
    balance = await on_node.oversight.draw_balance()
    assert (balance.received, balance.completed) == (80, 80)


async def test_a_server_that_is_away_at_start_is_said_so(
    postgres_url: str, node: PostgresNode, tmp_path: Path
):
    settings = Settings(
        state_dir=tmp_path, ledger=LedgerSettings(url=f"postgresql://u@127.0.0.1:{node.port}/x")
    )
    node.stop()
    with pytest.raises(LedgerUnavailable):
        async with open_ledger(settings, sealer_in(tmp_path)):
            pass
    node.start()


async def limit_pages(ledger: Ledger, pages: int) -> None:
    await ledger.store.write(
        lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").all()
    )


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_a_full_disk_loses_nothing(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    large = [StoredEvent("e-1", "t", NHS_NUMBER.encode() + os.urandom(1 << 20))]
    await limit_pages(ledger, 1)  # no page more than there are
    with pytest.raises(LedgerUnavailable) as caught:
        await ledger.finish(claim.lease, state="completed", code=None, events=large)
    assert str(caught.value) == "the ledger is unavailable: SQLITE_FULL"
    assert isinstance(await ledger.begin(opening()), Running)
    history = await ledger.oversight.request_history(opening().request_key)
    assert history is not None
    assert (history.state, list(history.events)) == ("in_flight", [])
    await limit_pages(ledger, 1 << 30)
    await ledger.finish(claim.lease, state="completed", code=None, events=large)
    assert await ledger.begin(opening()) == Ended("completed", None, large)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_a_full_disk_fails_everybody_who_shares_the_commit(ledger: Ledger):
    claims = [started(await ledger.begin(opening(number))) for number in range(10)]
    await limit_pages(ledger, 1)

    async def finish(number: int) -> None:
        body = os.urandom(1 << 18)
        told = [StoredEvent(f"e-{number}", "t", body)]
        await ledger.finish(claims[number].lease, state="completed", code=None, events=told)

    results = await asyncio.gather(*(finish(number) for number in range(10)), return_exceptions=True)
    assert {type(result) for result in results} == {LedgerUnavailable}
    await limit_pages(ledger, 1 << 30)
    await asyncio.gather(*(finish(number) for number in range(10)))
    assert (await ledger.oversight.draw_balance()).completed == 10


async def test_a_file_that_is_locked_for_long_is_unavailable(tmp_path: Path):
    store = SqliteStore(tmp_path / "ledger.db", busy_seconds=0.05)
    await store.write(upgrade)
    intruder = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="SQLITE_BUSY"):
        await store.write(upgrade)
    intruder.execute("ROLLBACK")
    intruder.close()
    await store.write(upgrade)
    await store.close()


async def test_an_event_that_is_told_twice_is_stored_once(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    await ledger.finish(claim.lease, state="completed", code=None, events=[*events(), *events()])
    assert await ledger.begin(opening()) == Ended("completed", None, events())
