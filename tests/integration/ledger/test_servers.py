"""Several database servers in one URL: those that are away, or take no writes, are passed over."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest
from sqlalchemy import Connection, text

from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.opening import open_store
from bridge.ledger.storage import schema
from bridge.ledger.storage.store import Store
from bridge.settings import LedgerSettings, Settings
from tests.support.ports import free_port
from tests.support.postgres import PostgresNode, fresh_database


def among_dead(url: str) -> str:
    """The URL of a database of which one server is left."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    away = ",".join(f"127.0.0.1:{free_port()}" for _ in range(3))
    return parts._replace(netloc=f"{user}{at}{away},{place}").geturl()


async def test_servers_that_are_away_are_passed_over(postgres_url: str) -> None:
    settings = Settings(ledger=LedgerSettings(url=among_dead(postgres_url)))
    async with open_store(settings) as store:
        assert not await store.read(schema.pending)
    async with open_store(settings, read_only=True) as store:
        await store.read(schema.look)


@pytest.fixture
def url_on_node(postgres_node: PostgresNode) -> Iterator[str]:
    """A database of a server that the test may set up otherwise."""
    with fresh_database(postgres_node.url) as url:
        yield url


async def test_a_server_that_takes_no_writes_any_more_is_left(url_on_node: str) -> None:
    """As one that has become a standby: what is open there fails once, and is not used again."""
    administrator = await asyncpg.connect(url_on_node)
    settings = Settings(ledger=LedgerSettings(url=among_dead(url_on_node)))
    async with open_store(settings) as store:
        await administrator.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            await administrator.execute("SELECT pg_reload_conf()")
            assert await _refusal(store) == "25006"
            assert await _refusal(store) == "no_writable_server"
            async with open_store(settings, read_only=True) as reading:
                await reading.read(schema.look)
        finally:
            await administrator.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await administrator.execute("SELECT pg_reload_conf()")
        while await _takes_no_writes(url_on_node):
            pass
        await store.write(_write)
    await administrator.close()


async def _refusal(store: Store) -> str:
    """Why the database does not take a write; until then it does: a server tells its sessions in turn."""
    while True:
        try:
            await store.write(_write)
        except LedgerUnavailable as fault:
            return fault.reason


def _write(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE IF NOT EXISTS written (number integer)"))
    connection.execute(text("INSERT INTO written VALUES (1)"))


async def _takes_no_writes(url: str) -> bool:
    connection = await asyncpg.connect(url)
    told = await connection.fetchval("SHOW default_transaction_read_only")
    await connection.close()
    return bool(told == "on")
