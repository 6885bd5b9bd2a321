"""Every test that asks for `settings`, `store` or `ledger` runs on SQLite and on PostgreSQL."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.ledger import Ledger, open_ledger
from bridge.ledger.opening import open_store
from bridge.ledger.storage.store import Store
from bridge.settings import LedgerSettings, Settings
from tests.integration.ledger.site import Clock, sealer_in
from tests.integration.ledger.trail import Site
from tests.support.postgres import fresh_database


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    """A database to copy: migrated once, because that takes longer than a test."""

    async def migrate(url: str) -> None:
        async with open_store(Settings(ledger=LedgerSettings(url=url))):
            pass

    with fresh_database(postgres_server) as url:
        asyncio.run(migrate(url))
        yield url


@pytest.fixture
def postgres_url(postgres_server: str, migrated_postgres: str) -> Iterator[str]:
    """A database of its own for each test."""
    with fresh_database(postgres_server, like=migrated_postgres) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy, likewise."""

    async def migrate(settings: Settings) -> None:
        async with open_store(settings):
            pass

    folder = tmp_path_factory.mktemp("migrated")
    asyncio.run(migrate(Settings(state_dir=folder)))
    return folder / "ledger.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Of an installation whose ledger is empty; a lease takes a minute."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    else:
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path)
    return Settings(state_dir=tmp_path, ledger=LedgerSettings(url=url, lease_seconds=60))


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    """A migrated database."""
    async with open_store(settings) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    """Time as the test sets it."""
    return Clock()


@pytest.fixture
async def ledger(settings: Settings, clock: Clock) -> AsyncIterator[Ledger]:
    """An empty ledger whose clock is `clock`."""
    async with open_ledger(settings, sealer_in(settings.state_dir), clock=clock) as opened:
        yield opened


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> Site:
    """A ledger with an audit trail that has begun, and the key rings beside it."""
    opened = Site(store, tmp_path)
    await opened.trail.prepare()
    return opened
