"""What is asked again and again costs the same however much is in the ledger: read off the database's own plans."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import Engine, event, text

from bridge.engine.journal.opening import journal_on
from bridge.ledger import Ledger
from bridge.ledger.clocks import uptime, utc_now
from bridge.ledger.vault.vault import Vault
from tests.integration.ledger.site import START
from tests.integration.ledger.trail import Site

_RELATION = re.compile(r"(?:SCAN|SEARCH|Scan(?: using \w+)? on) (\w+)")


_heard: list[list[tuple[str, object]]] = []


# From the beginning: a connection that is made while nobody listens never tells anybody.
@event.listens_for(Engine, "before_cursor_execute")
def _note(_connection, _cursor, statement, parameters, _context, _many) -> None:
    for found in _heard:
        found.append((statement, parameters))


@asynccontextmanager
async def statements(store, is_sqlite: bool) -> AsyncIterator[list[tuple[str, object]]]:
    """Every statement that is run meanwhile, with its parameters; SQLite tells them with these filled in."""
    found: list[tuple[str, object]] = []

    async def trace(heard: Callable[[str], None] | None) -> None:
        await store.read(lambda to: to.connection.driver_connection.set_trace_callback(heard))

    if is_sqlite:  # some go to the driver itself
        await trace(lambda statement: found.append((statement, ())))
        yield found
        await trace(None)
    else:
        before = await store.read(_plans)
        _heard.append(found)
        yield found
        _heard.remove(found)
        found += [(statement, ()) for statement, _count in await store.read(_plans) - before]


def _plans(connection) -> set[tuple[str, int]]:
    """What went to the driver itself has no listener: how often the session was asked for what has no parameter."""
    counted = (
        "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements"
        " WHERE statement NOT LIKE '%$%' AND statement NOT LIKE '%pg_prepared_statements%'"
    )
    return {tuple(row) for row in connection.exec_driver_sql(counted)}


async def plan_of(store, is_sqlite: bool, ask: Callable[[], Awaitable[object]]) -> str:
    """How the database finds what `ask` reads."""
    async with statements(store, is_sqlite) as run:
        await ask()
    lines = []
    for statement, parameters in run:
        if not statement.startswith("SELECT"):
            continue
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        rows = await store.read(
            lambda connection, asked=explain + statement, given=parameters: connection.exec_driver_sql(
                asked, given
            ).all()
        )
        lines += [str(row[-1]) for row in rows]
    assert lines
    return "\n".join(lines)


async def test_readiness_reads_the_heads_of_the_trail_and_nothing_that_grows(store, settings, tmp_path):
    site = Site(store, tmp_path / "keys")
    await site.trail.prepare()
    ledger = Ledger(store, site.sealer, settings.ledger, utc_now, uptime)  # with none of an open one's chores
    journal = journal_on(ledger, site.trail, Vault(ledger.store, site.sealer, keep_answers=timedelta()))
    assert await journal.requests.ready() == {"ledger": True, "audit": True}
    plan = await plan_of(ledger.store, site.is_sqlite, journal.requests.ready)
    assert set(_RELATION.findall(plan)) == {"audit_heads"}, plan
    count = await ledger.store.read(
        lambda connection: connection.scalar(text("SELECT count(*) FROM audit_heads"))
    )
    assert count == (1 if site.is_sqlite else 16)


async def test_the_search_for_requests_in_doubt_that_are_due_reads_open_requests_only(ledger, tmp_path):
    site = Site(ledger.store, tmp_path / "keys")
    await ledger.store.write(_many_that_ended)
    plan = await plan_of(ledger.store, site.is_sqlite, lambda: ledger.due_for_check("structured_record"))
    # SQLite takes those in doubt of a pipeline alone, which are open too.
    assert re.search(
        r"ix_requests_open|ix_requests_unsuccessful_pipeline \(pipeline=\? AND state=\?\)", plan
    ), plan


async def test_what_is_unfinished_is_counted_from_what_is_unfinished_alone(ledger, tmp_path):
    site = Site(ledger.store, tmp_path / "keys")
    await ledger.store.write(_many_that_ended)
    plan = await plan_of(ledger.store, site.is_sqlite, ledger.oversight.count_unfinished)
    assert {"ix_requests_open", "ix_events_unpublished"} <= set(re.findall(r"ix_\w+", plan)), plan
    assert not re.search(r"(SCAN|Seq Scan on) requests", plan), plan


def _many_that_ended(connection):
    connection.execute(
        text(
            "INSERT INTO requests (request_key, pipeline, correlation_id, body_sha256, received_at, state,"
            " starts, worker, started_at, waits)"
            " WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)"
            " SELECT 'k' || n, 'p', 'c', 'b', :at, 'completed', 1, 'w', :at, 0 FROM numbers"
        ),
        {"at": START if connection.dialect.name == "postgresql" else "2026-11-22 09:30:00.000000"},
    )
    connection.execute(text("ANALYZE requests"))
