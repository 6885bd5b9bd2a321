"""The sessions of a ledger on PostgreSQL: what becomes of them when the server is lost."""

import asyncio
from pathlib import Path

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


async def test_each_of_those_that_fail_about_the_same_time_tells_of_the_outage(
    postgres_url: str, tmp_path: Path
) -> None:
    async with TcpProxy(postgres_url) as proxy:
        settings = Settings(state_dir=tmp_path, ledger=LedgerSettings(url=proxy.url))
        async with open_store(settings) as store:
            await asyncio.gather(*(store.read(sleeping(0.5)) for _ in range(BUSY + IDLE)))
            running = [asyncio.create_task(store.read(sleeping(60))) for _ in range(BUSY)]
            await until(lambda: are_asleep(store, BUSY))
            await proxy.cut_in_turn()
            ends = await asyncio.gather(*running, return_exceptions=True)
            assert [type(end) for end in ends] == [LedgerUnavailable] * BUSY
            await store.read(count_asleep)  # there are new ones
