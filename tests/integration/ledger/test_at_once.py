"""On SQLite a lone request wakes no thread for what need not be on the disk; several do, and nobody blocks the loop."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bridge.ledger import Ended, Ledger, Started
from bridge.settings import Settings
from tests.integration.ledger.site import events, opening, started

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


class Seen(dict[str, bool]):
    def under(self, name: str) -> Callable[[Connection], None]:
        """A step that looks whether it runs in the event loop's own thread."""

        def step(_connection: Connection) -> None:
            self[name] = threading.current_thread() is threading.main_thread()

        return step


class SomebodyElse:
    """Another process, as far as SQLite can tell, that writes until it is told that the loop is free, or for 3 s."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writes, self._free = threading.Event(), threading.Event()

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """While it writes; what was asked for in the block has had its turn of the loop when that ends."""
        written = asyncio.create_task(asyncio.to_thread(self._write))
        await asyncio.to_thread(self._writes.wait)
        yield
        await asyncio.sleep(0)
        self._free.set()
        assert await written, "the loop was held up"

    def _write(self) -> bool:
        with contextlib.closing(sqlite3.connect(self._file, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._writes.set()
            was_free = self._free.wait(3)
            connection.execute("COMMIT")
            return was_free


@pytest.fixture
def somebody_else(settings: Settings) -> SomebodyElse:
    return SomebodyElse(settings.state_dir / "ledger.db")


async def test_what_a_lone_request_begins_with_runs_at_once(ledger: Ledger):
    seen = Seen()
    lease = started(await ledger.begin(opening(1), first=seen.under("alone"))).lease
    await ledger.begin(opening(2), first=seen.under("beside another"))
    await ledger.finish(lease, state="completed", code=None, events=events(1), also=seen.under("finish"))
    assert seen == {"alone": True, "beside another": False, "finish": False}


async def test_requests_that_begin_together_share_a_commit_in_the_thread(ledger: Ledger):
    seen = Seen()
    await asyncio.gather(
        ledger.store.write(seen.under("anything")),
        ledger.begin(opening(1), first=seen.under("begin")),
    )
    assert seen == {"anything": False, "begin": False}


async def test_a_lone_request_waits_for_who_writes_without_holding_up_the_loop(
    ledger: Ledger, somebody_else: SomebodyElse
):
    async with somebody_else.writing():
        begins = asyncio.create_task(ledger.begin(opening(1)))
    assert isinstance(await begins, Started)


async def test_what_comes_after_it_waits_for_who_writes_as_ever(ledger: Ledger, somebody_else: SomebodyElse):
    lease = started(await ledger.begin(opening(1))).lease
    async with somebody_else.writing():
        ends = asyncio.create_task(
            ledger.finish(lease, state="completed", code=None, events=events(1)),
        )
    await ends
    assert await ledger.begin(opening(1)) == Ended("completed", None, events(1))
