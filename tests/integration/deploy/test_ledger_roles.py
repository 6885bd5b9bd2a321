"""deploy/postgres/roles.sql on a real server: one role makes the ledger, the other works with it and no more."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest
from structlog.testing import capture_logs

from bridge.ledger.condition import condition
from bridge.ledger.errors import NoLedger
from bridge.ledger.opening import open_store
from bridge.ledger.storage import partitions
from bridge.ledger.storage.indexes import lacking
from bridge.ledger.storage.schema import revisions
from bridge.operations.retention import prune
from bridge.operations.site import open_stores, operator
from bridge.operations.surroundings import database
from bridge.settings import LedgerSettings, Settings
from tests.support.postgres import fresh_database
from tests.support.processes import bridge

ROLES = Path(__file__).parents[3] / "deploy" / "postgres" / "roles.sql"


@dataclass(frozen=True)
class Roles:
    owner: str
    worker: str


@pytest.fixture(scope="module")
def roles(postgres_server: str) -> Iterator[Roles]:
    """URLs of the two, in a database of their own; roles belong to the whole server, so theirs are of this test."""
    mark = uuid4().hex[:8]
    owner, worker = f"owner_{mark}", f"worker_{mark}"
    script = re.sub(r"^--.*$", "", ROLES.read_text(), flags=re.MULTILINE)
    script = script.replace(":owner", "'of the owner'").replace(":worker", "'of the worker'")
    script = re.sub(r"\bbridge_owner\b", owner, script)
    script = re.sub(r"\bbridge\b", worker, script)
    with fresh_database(postgres_server) as url:
        asyncio.run(_execute(url, script))
        place = urlsplit(url).hostname, urlsplit(url).port

        def as_role(name: str, password: str) -> str:
            address = f"{name}:{password}@{place[0]}:{place[1]}"
            return urlunsplit(urlsplit(url)._replace(netloc=address))

        yield Roles(as_role(owner, "of%20the%20owner"), as_role(worker, "of%20the%20worker"))
        for role in (worker, owner):
            asyncio.run(_execute(url, f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


def settings(url: str, folder: Path) -> Settings:
    return Settings(sandbox=True, state_dir=folder, ledger=LedgerSettings(url=url))


async def test_the_owner_migrates_and_a_worker_works_without_the_right_to(roles: Roles, tmp_path: Path):
    with pytest.raises(NoLedger):
        await condition(settings(roles.worker, tmp_path))
    early = bridge("ledger", "upgrade", directory=tmp_path, environment={"BRIDGE_LEDGER_URL": roles.worker})
    assert (early.code, "its role may not migrate" in early.errors) == (3, True)

    first, again = (
        bridge("ledger", "upgrade", directory=tmp_path, environment={"BRIDGE_LEDGER_URL": roles.owner})
        for _ in range(2)
    )
    assert (first.code, again.code, again.text.strip()) == (0, 0, "nothing to migrate")
    assert first.text.startswith("migrated: 0001, 0002, ")

    found = await condition(settings(roles.worker, tmp_path))
    assert (found.kind, found.pending, found.lacking, found.may_migrate) == ("PostgreSQL", [], [], False)
    async with open_stores(settings(roles.worker, tmp_path)) as stores:
        who = operator(stores.settings, "tester")
        assert (await prune(stores, actor=who)).requests == 0
        # Partitions it may make and drop, by functions that the owner left it.
        store, later = stores.ledger.store, datetime(2040, 1, 1, tzinfo=UTC)
        await partitions.make_ahead(store, {"event_bodies": later}, "month", now=later)
        made = await store.read(lambda connection: partitions.of(connection, "event_bodies"))
        assert made[-1].lower == later
        dropped = await partitions.drop_over(store, {"event_bodies": made[-1].upper})
        assert dropped == made
    for harm in (
        "ledger_drop_partition('requests', 'events')",
        "ledger_add_partition('requests', now(), now())",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _execute(roles.worker, f"SELECT {harm}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _execute(roles.worker, "DROP TABLE requests")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _execute(roles.worker, "CREATE TABLE more (id int)")


async def test_a_worker_starts_without_an_index_that_it_may_not_make(roles: Roles, tmp_path: Path):
    upgrade = partial(
        bridge, "ledger", "upgrade", directory=tmp_path, environment={"BRIDGE_LEDGER_URL": roles.owner}
    )
    assert upgrade().code == 0
    await _execute(roles.owner, "DROP INDEX ix_requests_dead")
    with capture_logs() as lines:
        async with open_stores(settings(roles.worker, tmp_path)) as stores:
            assert await stores.ledger.oversight.find("none") == []
    assert [line["reason"] for line in lines if line["event"] == "indexes_not_made"] == ["42501"]
    assert upgrade().code == 0
    async with open_store(settings(roles.worker, tmp_path), read_only=True) as store:
        assert list(await store.read(lacking)) == []


async def test_a_right_that_is_missing_is_named(roles: Roles, tmp_path: Path):
    bridge("ledger", "upgrade", directory=tmp_path, environment={"BRIDGE_LEDGER_URL": roles.owner})
    worker = urlsplit(roles.worker).username
    await _execute(roles.owner, f"REVOKE DELETE ON requests FROM {worker}")
    try:
        assert (await condition(settings(roles.worker, tmp_path))).lacking == ["DELETE on requests"]
        assert await _complaints(roles.worker, tmp_path) == [
            "ledger's rights: our role lacks DELETE on requests: grant it (deploy/postgres/roles.sql)"
        ]
    finally:
        await _execute(roles.owner, f"GRANT DELETE ON requests TO {worker}")


async def test_the_doctor_complains_of_neither_role(roles: Roles, tmp_path: Path):
    bridge("ledger", "upgrade", directory=tmp_path, environment={"BRIDGE_LEDGER_URL": roles.owner})
    assert await _complaints(roles.worker, tmp_path) == []
    assert await _complaints(roles.owner, tmp_path) == []
    seen = [check.what for check in await database(settings(roles.worker, tmp_path))]
    assert seen == ["ledger's database", "ledger's schema", "ledger's rights", "clock"]


async def test_the_doctor_says_what_is_still_to_be_migrated_and_by_whom(roles: Roles, tmp_path: Path):
    bridge("ledger", "upgrade", directory=tmp_path, environment={"BRIDGE_LEDGER_URL": roles.owner})
    newest = revisions()[-1]
    await _execute(roles.owner, f"UPDATE ledger_version SET version_num = '{revisions()[-2]}'")
    try:
        assert await _complaints(roles.worker, tmp_path) == [
            f"ledger's schema: lacks {newest}: run bridge ledger upgrade as the role that owns the tables"
        ]
        assert await _complaints(roles.owner, tmp_path) == []  # a worker with this role does it by itself
    finally:
        await _execute(roles.owner, f"UPDATE ledger_version SET version_num = '{newest}'")


async def _complaints(url: str, folder: Path) -> list[str]:
    found = await database(settings(url, folder))
    return [f"{check.what}: {check.detail}" for check in found if not check.is_good]
