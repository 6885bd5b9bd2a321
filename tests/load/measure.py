"""What a request of each kind costs, measured: ``make scale`` writes it into ``deploy/SCALE.md``.

Everything runs as it does at a site: a broker, a PostgreSQL, a worker, each a process of its own, and practices
that answer at once. Kinds are measured one after the other; what the worker and the servers do without any request
in as much time is taken off.
"""

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # ships no types

from tests.load.guide import GUIDE
from tests.load.stage import Stage, stage, ward
from tests.load.sums import Measured, Measurements, write_measured
from tests.load.traffic import CHAINS, Kind, Visit, Ward, people

_COUNT: Final = 100
"""Requests of each kind that are counted."""
_WARM_UP: Final = 8
_AT_ONCE: Final = 4
_SETTLED: Final = 10.0
"""Seconds after which what the warm-up left is done, such as counting and vacuuming."""
_IDLE_SECONDS: Final = 20.0
_FLUSHED: Final = 1.5
"""Seconds after which PostgreSQL's processes have told what they did."""

_LEDGER: Final = (
    "requests",
    "attempts",
    "calls",
    "events",
    "messages",
    "intents",
    "quality_notes",
    "quality_days",
)
_BODIES: Final = ("event_bodies", "answers", "answer_bodies", "claims", "claim_parts", "change_bases")
_TRAIL: Final = ("audit_entries", "audit_heads")


@dataclass(frozen=True, slots=True)
class _Meter:
    """What had been used up at a moment."""

    at: float
    worker: float
    broker: float
    postgres: float
    commits: int
    wal: int
    ledger: int
    bodies: int
    trail: int


def main() -> int:
    with stage() as running:
        measurements = asyncio.run(_measure(running))
    write_measured(GUIDE, measurements)
    return 0


async def _measure(running: Stage) -> Measurements:
    connection = await asyncpg.connect(running.database)
    whom = people()
    found: dict[str, Measured] = {}
    try:
        async with ward(running) as hospital:
            for chain in CHAINS.values():
                await _each(
                    hospital, chain, [Visit(whom[number], 1 + number % 20) for number in range(_WARM_UP)]
                )
            await asyncio.sleep(_SETTLED)
            idle = await _idle(running, connection)
            for chain in CHAINS.values():
                visits = [Visit(whom[number], 1 + number % 20) for number in range(_COUNT)]
                for kind in chain:
                    print(f"measuring {kind.name} …", file=sys.stderr)
                    found[kind.name] = await _kind(running, connection, hospital, kind, visits, idle)
    finally:
        await connection.close()
    return found


async def _each(hospital: Ward, chain: Iterable[Kind], visits: list[Visit]) -> None:
    for kind in chain:
        await _all(hospital, kind, visits)


async def _all(hospital: Ward, kind: Kind, visits: list[Visit]) -> None:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(visit: Visit) -> None:
        async with places:
            await kind.ask(hospital, visit)

    await asyncio.gather(*map(one, visits))


async def _idle(running: Stage, connection: Any) -> tuple[_Meter, _Meter]:
    before = await _read(running, connection)
    await asyncio.sleep(_IDLE_SECONDS)
    return before, await _read(running, connection)


async def _kind(
    running: Stage,
    connection: Any,
    hospital: Ward,
    kind: Kind,
    visits: list[Visit],
    idle: tuple[_Meter, _Meter],
) -> Measured:
    hospital.spent.pop(kind.name, None)
    row: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM requests")
    before = await _read(running, connection)
    await _all(hospital, kind, visits)
    after = await _read(running, connection)
    spent = hospital.spent[kind.name]
    called = dict(
        await connection.fetch(
            """SELECT CASE WHEN "where" IN ('pds', 'sds') THEN "where" ELSE 'practice' END, count(*)
            FROM calls WHERE request_id > $1 GROUP BY 1""",
            row,
        )
    )
    quiet, still = idle
    share = (after.at - before.at) / (still.at - quiet.at)

    def per_request(name: str) -> float:
        used: float = getattr(after, name) - getattr(before, name)
        idle_use: float = (getattr(still, name) - getattr(quiet, name)) * share
        return max(0.0, (used - idle_use) / spent.requests)

    return Measured(
        events=spent.events / spent.requests,
        bytes_in=spent.bytes_in / spent.requests,
        bytes_out=spent.bytes_out / spent.requests,
        commits=per_request("commits"),
        wal=per_request("wal"),
        ledger=per_request("ledger"),
        bodies=per_request("bodies"),
        trail=per_request("trail"),
        pds=called.get("pds", 0) / spent.requests,
        sds=called.get("sds", 0) / spent.requests,
        practice=called.get("practice", 0) / spent.requests,
        worker_ms=per_request("worker") * 1000,
        broker_ms=per_request("broker") * 1000,
        postgres_ms=per_request("postgres") * 1000,
    )


async def _read(running: Stage, connection: Any) -> _Meter:
    await asyncio.sleep(_FLUSHED)
    commits = await connection.fetchval(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    )
    wal = await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
    sizes = [await _size(connection, tables) for tables in (_LEDGER, _BODIES, _TRAIL)]
    return _Meter(
        time.monotonic(),
        running.worker.cpu_seconds(),
        running.cpu_seconds("broker"),
        running.cpu_seconds("PostgreSQL"),
        commits,
        wal,
        *sizes,
    )


async def _size(connection: Any, tables: tuple[str, ...]) -> int:
    """Bytes of these tables, of their indexes and partitions."""
    size: int = await connection.fetchval(
        """SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM (
            SELECT (pg_partition_tree(oid)).relid FROM pg_class
            WHERE relname = ANY($1) AND relkind = 'p' AND relnamespace = current_schema()::regnamespace
            UNION SELECT oid FROM pg_class
            WHERE relname = ANY($1) AND relkind = 'r' AND relnamespace = current_schema()::regnamespace
        ) AS every""",
        list(tables),
    )
    return size


if __name__ == "__main__":
    sys.exit(main())
