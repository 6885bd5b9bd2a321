"""A step is cancelled while it runs: nobody uses its session again, and nobody else is disturbed."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from bridge.ledger.opening import open_store
from bridge.ledger.storage.sqlite import SqliteStore
from bridge.settings import LedgerSettings, Settings

SLOW_COMMIT = (
    "CREATE TABLE slow (id integer)",
    (
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(CASE NEW.id WHEN 1 THEN 600 ELSE 0 END); RETURN NEW; END $$"
    ),
    (
        "CREATE CONSTRAINT TRIGGER dawdling AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION dawdle()"
    ),
)
SESSIONS = "SELECT pid, state, query FROM pg_stat_activity WHERE datname = current_database()"


def adding(number: int):
    def step(connection: Connection) -> int:
        connection.execute(text("INSERT INTO slow VALUES (:id)"), {"id": number})
        pid: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        return pid

    return step


@pytest.mark.parametrize("rounds", [3])
async def test_a_session_whose_commit_was_cancelled_is_discarded(postgres_url: str, rounds: int):
    settings = Settings(ledger=LedgerSettings(url=postgres_url, connections=2))
    watching = Settings(ledger=LedgerSettings(url=postgres_url, connections=2))
    async with open_store(settings) as store, open_store(watching) as other:

        async def committing() -> set[int]:
            rows = await other.read(lambda connection: connection.execute(text(SESSIONS)).all())
            return {row.pid for row in rows if row.query.startswith("COMMIT") and row.state == "active"}

        def prepare(connection: Connection) -> None:
            for statement in SLOW_COMMIT:
                connection.execute(text(statement))

        await store.write(prepare)
        for _ in range(rounds):
            cancelled = asyncio.create_task(store.write(adding(1)))
            while not (found := await committing()):
                await asyncio.sleep(0.02)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            served = await asyncio.gather(*(store.write(adding(2)) for _ in range(6)))
            assert not found & set(served), "its session serves nobody any more"
            while await committing():
                await asyncio.sleep(0.02)
        counts = "SELECT id, count(*) AS number FROM slow GROUP BY id"
        kept = await store.read(lambda connection: connection.execute(text(counts)).all())
        assert {row.id: row.number for row in kept} == {2: 6 * rounds}


async def test_a_look_whose_caller_is_gone_ends_before_its_connection_is_closed(tmp_path: Path):
    store = SqliteStore(tmp_path / "ledger.db")
    await store.check()
    begun, goes_on = threading.Event(), threading.Event()
    found: list[object] = []

    def look(connection: Connection) -> None:
        begun.set()
        goes_on.wait(10)
        found.append(connection.scalar(text("SELECT 1")))

    caller = asyncio.create_task(store.read(look))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0.05)
    goes_on.set()
    await closing
    assert found == [1]
