"""Every test that asks for `settings`, `store` or `ledger` runs on SQLite and on PostgreSQL."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.ledger import Ledger, open_ledger
from bridge.ledger.opening import open_store
from bridge.ledger.store import Store
from bridge.settings import LedgerSettings, Settings
from tests.integration.ledger.site import Clock, sealer_in
from tests.support.postgres import PostgresNode, fresh_database


@pytest.fixture(scope="session")
def postgres_node() -> Iterator[PostgresNode]:
    """A server that a test may kill and restart; it leaves it running."""
    node = PostgresNode()
    node.start()
    yield node
    node.close()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on the server named in ``BRIDGE_TEST_POSTGRES_URL``, else on the private one."""
    named = os.environ.get("BRIDGE_TEST_POSTGRES_URL")
    server: str = named or request.getfixturevalue("postgres_node").url
    with fresh_database(server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Of an installation whose ledger is empty."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return Settings(state_dir=tmp_path, ledger=LedgerSettings(url=url))


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
