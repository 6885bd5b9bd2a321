"""A pooler between the workers and the database, where each session has a connection of its own."""

import asyncio
from functools import partial

import pytest
from sqlalchemy import text

from bridge.ledger import Ended, open_ledger
from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.opening import open_store
from bridge.ledger.storage import schema
from bridge.settings import LedgerSettings, Settings
from tests.integration.ledger.site import events, opening, sealer_in, started
from tests.support.pgbouncer import in_sessions
from tests.support.postgres import fresh_database


@pytest.fixture
def pooled(postgres_server, tmp_path):
    with fresh_database(postgres_server) as url, in_sessions(url) as by_pooler:
        yield Settings(state_dir=tmp_path, ledger=LedgerSettings(url=by_pooler))


async def test_a_ledger_is_made_written_and_only_read_through_a_pooler(pooled):
    async with open_ledger(pooled, sealer_in(pooled.state_dir)) as ledger:
        claims = await asyncio.gather(*(ledger.begin(opening(number)) for number in range(10)))
        leases = [started(claim).lease for claim in claims]
        finish = partial(ledger.finish, state="completed", code=None)
        await asyncio.gather(*(finish(lease, events=events(n)) for n, lease in enumerate(leases)))
        assert isinstance(await ledger.begin(opening(0)), Ended)
    async with open_store(pooled, read_only=True) as reading:
        await reading.read(schema.look)
        with pytest.raises(LedgerUnavailable, match="25006"):  # read_only_sql_transaction
            await reading.write(lambda connection: connection.execute(text("CREATE TABLE t (n integer)")))
