"""What a number of requests a minute comes to, from what one of each kind was measured to cost.

`deploy/SCALE.md` holds the measurements and these sums; a test holds the sums to the measurements.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from tests.load.guide import block, read_table, replace, table


@dataclass(frozen=True, slots=True)
class Measured:
    """What one request costs.

    Attributes:
        events: messages that are published of it; it is one itself.
        bytes_in: of its body.
        bytes_out: of the bodies of the events.
        commits: transactions of the database.
        wal: bytes of its log, without images of whole pages.
        ledger: bytes that stay for years, with indexes.
        bodies: bytes that stay for weeks: events, answers, documents.
        trail: bytes of the audit trail.
        pds, sds, practice: calls.
        worker_ms, broker_ms, postgres_ms: of CPU.
    """

    events: float
    bytes_in: float
    bytes_out: float
    commits: float
    wal: float
    ledger: float
    bodies: float
    trail: float
    pds: float
    sds: float
    practice: float
    worker_ms: float
    broker_ms: float
    postgres_ms: float


Measurements = Mapping[str, Measured]

HEAD: Final = (
    *("One request of", "events", "bytes in", "bytes out", "commits", "WAL bytes"),
    *("kept for years", "kept for weeks", "audit trail"),
    *("PDS calls", "SDS calls", "practice calls", "worker, ms", "broker, ms", "PostgreSQL, ms"),
)
MIX: Final[Mapping[str, float]] = {
    "record": 0.50,
    "whole record": 0.10,
    "care record": 0.10,
    "patient": 0.05,
    "documents": 0.05,
    "document": 0.05,
    "slots": 0.05,
    "booking": 0.04,
    "amendment": 0.01,
    "appointments": 0.03,
    "cancellation": 0.02,
}
"""Of a hundred requests so many are of each kind."""


def measured(guide: str) -> Measurements:
    """The measurements that stand in the guide."""
    rows = read_table(block(guide, "measured"))
    return {name: Measured(*(float(cell.replace(",", "")) for cell in cells)) for name, *cells in rows}


def write_measured(file: Path, found: Measurements) -> None:
    """Write measurements, and the sums that follow from them."""
    cells = [
        (name, *(_cell(getattr(one, each.name)) for each in fields(Measured))) for name, one in found.items()
    ]
    replace(file, "measured", table(HEAD, cells))
    replace(file, "sums", sums(measured(file.read_text(encoding="utf-8"))))


def _cell(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


RATES: Final = (10, 1_000, 100_000)
"""Requests a minute."""
CPU_SHARE: Final = 0.6
"""Of a core that is planned for: the rest is for bursts, and for what else runs."""
IN_FLIGHT: Final = 50
"""Requests that one worker has in hand, at most, with the settings that it comes with."""
SECONDS: Final = 3.0
"""That a request is in hand while practices take as long as they may, a second or two for each call."""
CONNECTIONS: Final = 10
BROKER_CORES: Final = 4
POSTGRES_CORES: Final = 16
COMMITS_PER_SECOND: Final = 2_000
"""That one disk makes durable one by one; a log on flash with a cache that survives a power cut does ten times that."""
PDS_PER_SECOND: Final = 5
WEEKS_KEPT_DAYS: Final = 30
YEARS_KEPT_DAYS: Final = 2_920
MONTH_DAYS: Final = 30
DAY_PARTITION_FROM: Final = 1_000
"""Requests a minute from which partitions of a day pay."""
_MINUTES: Final = 1_440


@dataclass(frozen=True, slots=True)
class Load:
    """What one rate comes to.

    Attributes:
        per_second: requests.
        messages: put on the broker and taken from it, a second.
        broker_mb: of bodies, a second, in and out.
        worker_cores, broker_cores, postgres_cores: that are busy all the time.
        workers: processes.
        brokers: nodes; three from the first that is not for trials.
        connections: to PostgreSQL.
        commits, wal_mb: a second.
        weeks_gb, years_gb, trail_gb: that lie there when as much goes as comes; the trail after a year.
        partition_gb: of one month of bodies, or of a day.
        pds, sds, practice: calls a second.
    """

    per_second: float
    messages: float
    broker_mb: float
    worker_cores: float
    broker_cores: float
    postgres_cores: float
    workers: int
    brokers: int
    connections: int
    commits: float
    wal_mb: float
    weeks_gb: float
    years_gb: float
    trail_gb: float
    partition_gb: float
    partition: str
    pds: float
    sds: float
    practice: float


def mixed(found: Measurements) -> Measured:
    """The usual request: the mean of the kinds by how often each comes."""
    return Measured(
        *(
            sum(share * getattr(found[name], each.name) for name, share in MIX.items())
            for each in fields(Measured)
        )
    )


def load(found: Measurements, per_minute: int) -> Load:
    """What so many requests a minute come to."""
    one = mixed(found)
    per_second = per_minute / 60
    per_day = per_minute * _MINUTES
    worker_cores, broker_cores, postgres_cores = (
        per_second * each / 1000 for each in (one.worker_ms, one.broker_ms, one.postgres_ms)
    )
    # One is a process on one core. One more than is needed: any may be away.
    workers = 1 + max(math.ceil(worker_cores / CPU_SHARE), math.ceil(per_second * SECONDS / IN_FLIGHT))
    brokers = max(3, math.ceil(broker_cores / CPU_SHARE / BROKER_CORES))
    days = 1 if per_minute >= DAY_PARTITION_FROM else MONTH_DAYS
    return Load(
        per_second=per_second,
        messages=per_second * (1 + one.events) * 2,
        broker_mb=per_second * (one.bytes_in + one.bytes_out) * 2 / 1e6,
        worker_cores=worker_cores,
        broker_cores=broker_cores,
        postgres_cores=postgres_cores,
        workers=workers,
        brokers=brokers,
        connections=workers * CONNECTIONS,
        commits=per_second * one.commits,
        wal_mb=per_second * one.wal / 1e6,
        weeks_gb=per_day * one.bodies * WEEKS_KEPT_DAYS / 1e9,
        years_gb=per_day * one.ledger * YEARS_KEPT_DAYS / 1e9,
        trail_gb=per_day * one.trail * 365 / 1e9,
        partition_gb=per_day * one.bodies * days / 1e9,
        partition="day" if days == 1 else "month",
        pds=per_second * one.pds,
        sds=per_second * one.sds,
        practice=per_second * one.practice,
    )


def limits(found: Measurements) -> list[tuple[str, float, str]]:
    """What stops first, by the requests a minute at which it does, and what to do then."""
    one = mixed(found)

    def at(capacity: float, cost: float) -> float:
        return 60 * capacity / cost if cost else math.inf

    return sorted(
        [
            ("the PDS limit of an application, 5 calls a second", at(PDS_PER_SECOND, one.pds),
             "ask NHS England for more, and set `BRIDGE_PDS_RATE_PER_SECOND` for each worker to its share"),
            ("one worker's core", at(CPU_SHARE, one.worker_ms / 1000), "add workers"),
            ("what one worker has in hand, 50 requests of a pipeline, of 3 s each", 60 * IN_FLIGHT / SECONDS,
             "add workers, or raise `BRIDGE_BUS_CONCURRENCY` where memory allows"),
            (f"a broker node of {BROKER_CORES} cores", at(BROKER_CORES * CPU_SHARE, one.broker_ms / 1000),
             "spread the leaders of the queues over more nodes; a queue has one leader, so split pipelines next"),
            (f"{COMMITS_PER_SECOND:,} commits a second of one disk", at(COMMITS_PER_SECOND, one.commits),
             "put PostgreSQL's log on flash with a cache that survives a power cut"),
            (f"a PostgreSQL of {POSTGRES_CORES} cores", at(POSTGRES_CORES * CPU_SHARE, one.postgres_ms / 1000),
             "a ledger of its own for each group of hospitals: nothing is shared between them"),
            ("1,000 GB of bodies in 30 days", at(1e12 / (_MINUTES * 60 * WEEKS_KEPT_DAYS), one.bodies),
             "keep answers and bodies for fewer days (`BRIDGE_VAULT_KEEP_ANSWERS_DAYS`, `BRIDGE_LEDGER_KEEP_BODIES_DAYS`)"),
            ("1,000 million rows of requests in 8 years", 1e9 / (_MINUTES * YEARS_KEPT_DAYS),
             "keep what is known for less time (`BRIDGE_LEDGER_KEEP_METADATA_DAYS`); at that size plan for the time that a backup takes"),
        ],
        key=lambda limit: limit[1],
    )  # fmt: skip


def sums(found: Measurements) -> str:
    """The part of the guide that follows from its measurements."""
    loads = [load(found, rate) for rate in RATES]

    def row(what: str, name: str, form: str = ",.1f") -> tuple[str, ...]:
        return (what, *(format(getattr(each, name), form) for each in loads))

    rows = [
        row("requests a second", "per_second"),
        row("messages in and out of the broker, a second", "messages"),
        row("bytes through the broker, MB a second", "broker_mb", ",.2f"),
        row("cores of workers, busy", "worker_cores", ",.2f"),
        row("**workers**, of one core each, one to spare", "workers", ",d"),
        row("cores of brokers, busy, without copies to other nodes", "broker_cores", ",.2f"),
        row("**broker nodes** of 4 cores", "brokers", ",d"),
        row("cores of PostgreSQL, busy", "postgres_cores", ",.2f"),
        row("**connections** to PostgreSQL, at most", "connections", ",d"),
        row("commits a second", "commits"),
        row("WAL, MB a second, without images of pages", "wal_mb", ",.2f"),
        row("partition of bodies", "partition", "s"),
        row("one partition, GB", "partition_gb"),
        row("**bodies of 30 days**, GB", "weeks_gb", ",.0f"),
        row("what is known for 8 years, GB", "years_gb", ",.0f"),
        row("audit trail, GB a year", "trail_gb", ",.0f"),
        row("calls to PDS a second", "pds"),
        row("calls to SDS a second", "sds"),
        row("calls to practices a second", "practice"),
    ]
    head = ("At requests a minute", *(f"{rate:,}" for rate in RATES))
    named = "".join(_named(found, rate) for rate in RATES)
    lines = "".join(f"| {what} | {at:,.0f} | {then} |\n" for what, at, then in limits(found))
    return f"{table(head, rows)}\n{named}\n| Limit | At requests a minute | What to do |\n| --- | --: | --- |\n{lines}"


def _named(found: Measurements, rate: int) -> str:
    """The first limit of a rate, how many are behind it, and the next."""
    first, at, then = limits(found)[0]
    behind = [what for what, reached, _ in limits(found) if reached <= rate]
    ahead = [(what, reached, do) for what, reached, do in limits(found) if reached > rate]
    line = f"- **{rate:,} a minute.** The first limit is {first}, at {at:,.0f}: {then}."
    if behind:
        line += f" Reached are {len(behind)} of the {len(behind) + len(ahead)} below."
    if ahead and ahead[0][0] != first:
        line += f" The next is {ahead[0][0]}, at {ahead[0][1]:,.0f}."
    return line + "\n"
