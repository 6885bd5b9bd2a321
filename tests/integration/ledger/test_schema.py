"""The schema: what the migrations make is what the code expects, and a newer one is refused."""

import asyncio
import importlib
import pkgutil
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bridge.errors import Misconfigured
from bridge.ledger import LedgerUnavailable, condition, storage
from bridge.ledger.access import DatabaseAccess
from bridge.ledger.opening import open_store
from bridge.ledger.storage import indexes, partitions, schema
from bridge.ledger.storage.metadata import metadata
from bridge.ledger.storage.postgres import PostgresStore
from bridge.ledger.storage.sqlite import SqliteStore
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


PARTITION = re.compile(f"({'|'.join(partitions.TABLES)})_(first|rest|[0-9]{{8}})")


def is_no_partition(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not PARTITION.fullmatch(name or "")


def differences(connection: Connection) -> list[object]:
    for module in pkgutil.iter_modules(storage.__path__, f"{storage.__name__}."):
        importlib.import_module(module.name)  # every table is known then
    opts = {"version_table": schema.VERSION_TABLE, "include_name": is_no_partition}
    context = MigrationContext.configure(connection, opts=opts)
    return list(compare_metadata(context, metadata))


CONDITIONAL = ("ix_requests_open", "ix_requests_retried", "ix_requests_slow_5", "uq_intents_open")
DEFINITIONS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
}


async def test_indexes_of_some_rows_hold_no_others(empty: Settings):
    def look(connection: Connection) -> dict[str, str]:
        found = connection.execute(text(DEFINITIONS[connection.dialect.name]))
        return {row[0]: row[1] or "" for row in found}

    async with open_store(empty) as store:
        made = await store.read(look)
    assert all(" WHERE " in made[name] for name in CONDITIONAL)
    assert " WHERE " not in made["ix_requests_pipeline"]


async def test_sqlite_makes_no_table_to_see_which_indexes_a_request_belongs_to(tmp_path: Path):
    """It makes one for each list of three constants or more, and throws it away, whenever a row is changed."""

    def made_anew(connection: Connection) -> int:
        ending = connection.exec_driver_sql("EXPLAIN UPDATE requests SET state = 'completed' WHERE id = 1")
        return sum(row.opcode == "OpenEphemeral" for row in ending)

    async with open_store(Settings(state_dir=tmp_path)) as store:
        assert await store.read(made_anew) <= 1  # of the check of the states


async def test_migrations_make_the_tables_that_the_code_uses(empty: Settings):
    async with open_store(empty) as store:
        assert await store.read(differences) == []


def test_migrations_are_known_without_loading_what_runs_them():
    scripts = ScriptDirectory.from_config(schema.configuration())
    assert schema.revisions() == [script.revision for script in scripts.walk_revisions()][::-1]


def test_a_ledger_that_is_up_to_date_is_opened_without_loading_what_migrates(tmp_path: Path):
    opening = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from bridge.ledger.opening import open_store\n"
        "from bridge.settings import Settings\n"
        "async def opened():\n"
        "    async with open_store(Settings(state_dir=Path(sys.argv[1]))):\n"
        "        print('alembic' in sys.modules)\n"
        "asyncio.run(opened())\n"
    )
    command = [sys.executable, "-c", opening, str(tmp_path)]
    assert [subprocess.check_output(command, text=True).strip() for _ in range(2)] == ["True", "False"]


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


async def test_a_second_store_of_one_process_takes_no_locks_away_from_the_first(tmp_path: Path):
    settings = Settings(state_dir=tmp_path)
    looking = (
        "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT id FROM letter_jobs'))"
    )

    async def look() -> str:
        """As another process sees it, which ends then."""
        command = [sys.executable, "-c", looking, str(tmp_path / "ledger.db")]
        return (await asyncio.to_thread(subprocess.check_output, command, text=True)).strip()

    def add(connection: Connection) -> None:
        row = "('j', 'replay', 'planned', '2026-11-22 09:30:00', 'u')"
        connection.execute(
            text(f"INSERT INTO letter_jobs (id, kind, state, planned_at, planned_by) VALUES {row}")
        )

    async with open_store(settings) as first, open_store(settings) as second:
        await second.read(lambda connection: connection.scalar(text("SELECT count(*) FROM letter_jobs")))
        assert await look() == ""
        await first.write(add)
        assert await look() == "('j',)"


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


@asynccontextmanager
async def ledger_of_version(settings: Settings, revision: str) -> AsyncIterator[Store]:
    """An empty ledger as that version of the software made it."""

    def make(connection: Connection) -> None:
        config = schema.configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    if (url := settings.ledger.url) is None:
        store: Store = SqliteStore(settings.state_dir / "ledger.db")
    else:
        store = PostgresStore(url, DatabaseAccess.of(settings, url), connections=2)
    try:
        await store.check()
        await store.write(make)
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize("empty", ["postgresql"], indirect=True)
async def test_a_large_ledger_gets_its_indexes_beside_its_workers(empty: Settings):
    """A transaction of the migration that made them would hold every worker up."""
    settings = empty
    many = text(
        "INSERT INTO requests (request_key, pipeline, correlation_id, body_sha256, received_at, state,"
        " starts, worker, started_at, waits) SELECT '/epr r-' || n, 'p', 'c', 's', now(), 'completed',"
        " 1, 'w', now(), 0 FROM generate_series(1, 10000) AS n"
    )
    async with ledger_of_version(settings, "0007") as store:
        await store.write(lambda connection: connection.execute(many))
        # The migration itself makes none of them: it commits without.
        await store.write(schema.upgrade)
        assert await store.read(indexes.lacking) == indexes.every()
    making = await asyncpg.connect(settings.ledger.url)
    await making.execute(f"SELECT pg_advisory_lock({indexes.LOCK})")
    async with open_store(settings) as store:  # whoever makes them is not waited for
        assert await store.read(indexes.lacking) == indexes.every()
    await making.close()
    async with open_store(settings) as store:
        assert await store.read(indexes.lacking) == []
        assert await store.read(differences) == []
        # Nor is it read through to be parted, while workers wait, before an operator says so.
        assert await store.read(partitions.whole) == ["event_bodies", "claim_parts"]
    assert await condition.upgrade(settings) == []
    async with open_store(settings) as store:
        assert await store.read(partitions.whole) == []
        assert await store.read(differences) == []


async def test_an_index_that_was_cut_off_is_made_anew(postgres_url: str):
    settings = Settings(ledger=LedgerSettings(url=postgres_url))
    broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_requests_code'::regclass"
    async with open_store(settings) as store:
        await store.write(lambda connection: connection.execute(text(broken)))
        assert [index.name for index in await store.read(indexes.lacking)] == ["ix_requests_code"]
    async with open_store(settings) as store:
        assert await store.read(indexes.lacking) == []
        assert await store.read(differences) == []


async def test_an_older_ledger_gets_what_it_lacks_and_keeps_what_it_has(empty: Settings):
    claim = text(
        "INSERT INTO claims (id, sha256, size, media_type, created_at, expires_at)"
        " VALUES ('c', 's', 1, 'm', '2026-11-22 09:30:00', '2026-11-22 09:30:00')"
    )
    async with ledger_of_version(empty, "0005") as store:
        await store.write(lambda connection: connection.execute(claim))
    async with open_store(empty) as store:
        assert await store.read(differences) == []
        ids = "SELECT id FROM claims"
        assert await store.read(lambda connection: connection.scalars(text(ids)).all()) == ["c"]
