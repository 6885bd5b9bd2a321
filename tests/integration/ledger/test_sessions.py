"""The sessions of a ledger on PostgreSQL: what becomes of them when the server is lost."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from bridge.ledger import LedgerUnavailable
from bridge.ledger.opening import open_store
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.settings import LedgerSettings, Settings
from tests.support.bus_sites import until
from tests.support.tcp_proxy import TcpProxy

BUSY, IDLE = 4, 4


def sleeping(seconds: float) -> LedgerStep[None]:
    def sleep(connection: Connection) -> None:
        connection.execute(text(f"SELECT pg_sleep({seconds})"))

    return sleep


def count_asleep(connection: Connection) -> int:
    """How many sessions of this database sleep."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    return int(connection.execute(text(asked)).scalar_one())


async def are_asleep(store: Store, wanted: int) -> bool:
    return await store.read(count_asleep) == wanted


@asynccontextmanager
async def store_behind_proxy(url: str, folder: Path) -> AsyncIterator[tuple[Store, TcpProxy]]:
    async with TcpProxy(url) as proxy:
        settings = Settings(state_dir=folder, ledger=LedgerSettings(url=proxy.url))
        async with open_store(settings) as store:
            yield store, proxy


async def fall_asleep(store: Store) -> list[asyncio.Task[None]]:
    """Some sessions sleep for long, and as many are idle."""
    await asyncio.gather(*(store.read(sleeping(0.5)) for _ in range(BUSY + IDLE)))
    running = [asyncio.create_task(store.read(sleeping(60))) for _ in range(BUSY)]
    await until(lambda: are_asleep(store, BUSY))
    return running


async def test_each_of_those_that_fail_about_the_same_time_tells_of_the_outage(
    postgres_url: str, tmp_path: Path
) -> None:
    async with store_behind_proxy(postgres_url, tmp_path) as (store, proxy):
        running = await fall_asleep(store)
        await proxy.cut_in_turn()
        ends = await asyncio.gather(*running, return_exceptions=True)
        assert [type(end) for end in ends] == [LedgerUnavailable] * BUSY
        await store.read(count_asleep)  # there are new ones


@pytest.mark.parametrize("turns", range(1, 40, 3))
async def test_what_is_left_is_closed_though_whoever_leaves_it_is_cancelled(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    async with store_behind_proxy(postgres_url, tmp_path) as (store, proxy):
        running = await fall_asleep(store)
        proxy.cut()
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    gc.collect()
    assert _errors(caplog) == []


async def test_sessions_on_a_server_that_is_silent_are_closed_without_its_answer(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with store_behind_proxy(postgres_url, tmp_path) as (store, proxy):
        await asyncio.gather(*(store.read(sleeping(0.1)) for _ in range(BUSY)))
        proxy.silence()
    assert _errors(caplog) == []


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
