"""The schema: what the migrations make is what the code expects, and a newer one is refused."""

import asyncio
import importlib
import pkgutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

import bridge.ledger
from bridge.errors import Misconfigured
from bridge.ledger import LedgerUnavailable
from bridge.ledger.opening import open_store
from bridge.ledger.storage import schema
from bridge.ledger.storage.metadata import metadata
from bridge.ledger.storage.store import Store
from bridge.settings import LedgerSettings, Settings
from tests.support.postgres import fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a database that nobody has migrated."""
    if request.param == "sqlite":
        yield Settings(state_dir=tmp_path / "new")
        return
    with fresh_database(request.getfixturevalue("postgres_server")) as url:
        yield Settings(ledger=LedgerSettings(url=url))


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
    return list(compare_metadata(context, metadata))


async def test_migrations_make_the_tables_that_the_code_uses(empty: Settings):
    for module in pkgutil.iter_modules(bridge.ledger.__path__, "bridge.ledger."):
        importlib.import_module(module.name)
    async with open_store(empty) as store:
        assert await store.read(differences) == []


async def test_workers_that_start_together_migrate_once(empty: Settings):
    async def start() -> None:
        async with open_store(empty) as store:
            await store.read(lambda connection: connection.execute(text("SELECT count(*) FROM requests")))

    await asyncio.gather(*(start() for _ in range(4)))


async def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path):
    async def start() -> None:
        async with open_store(Settings(state_dir=tmp_path)):
            pass

    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE being_restored (id INTEGER)")
        other.execute("BEGIN IMMEDIATE")
        starting = asyncio.create_task(start())
        await asyncio.sleep(0.3)
        assert not starting.done()
        other.execute("COMMIT")
    await starting


async def test_a_schema_of_the_future_is_refused(settings: Settings, store: Store):
    await store.write(
        lambda connection: connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    )
    with pytest.raises(Misconfigured, match="9999"):
        async with open_store(settings):
            pass


async def test_a_file_that_cannot_be_written_is_a_fault_of_the_installation(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match=r"ledger\.db"):
        async with open_store(Settings(state_dir=tmp_path / "file")):
            pass


async def test_a_file_of_something_else_is_not_used(tmp_path: Path):
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(LedgerUnavailable, match="SQLITE_NOTADB"):
        async with open_store(Settings(state_dir=tmp_path)):
            pass


async def test_a_database_that_does_not_exist_is_a_fault_of_the_installation(postgres_url: str):
    with pytest.raises(Misconfigured, match="3D000"):
        async with open_store(Settings(ledger=LedgerSettings(url=postgres_url + "_other"))):
            pass


async def test_a_server_that_forgets_commits_is_refused(postgres_url: str):
    forgetful = f"{postgres_url}?synchronous_commit=off"
    with pytest.raises(Misconfigured, match="synchronous_commit"):
        async with open_store(Settings(ledger=LedgerSettings(url=forgetful))):
            pass


async def test_an_older_ledger_gets_what_it_lacks_and_keeps_what_it_has(empty: Settings):
    def make_old(connection: Connection) -> None:
        connection.execute(text("DROP TABLE key_fingerprints"))
        connection.execute(text("DROP TABLE claim_parts"))
        connection.execute(text("ALTER TABLE claims DROP COLUMN parts"))
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '0005'"))
        connection.execute(
            text(
                "INSERT INTO claims (id, sha256, size, media_type, created_at, expires_at)"
                " VALUES ('c', 's', 1, 'm', '2026-11-22 09:30:00', '2026-11-22 09:30:00')"
            )
        )

    async with open_store(empty) as store:
        await store.write(make_old)
    async with open_store(empty) as store:
        assert await store.read(differences) == []
        ids = "SELECT id FROM claims"
        assert await store.read(lambda connection: connection.scalars(text(ids)).all()) == ["c"]
