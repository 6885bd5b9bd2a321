"""What workers see of those they call, kept for whoever looks from another process: with its time.

Each worker writes rows of its own; what the directory and practices said of themselves is shared, the newest
counts. None of it decides anything: a page shows it, and says as of when.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Column, Connection, ForeignKey, Integer, Table, Text, delete, select, update

from bridge.ledger.clocks import utc_now
from bridge.ledger.storage.dialects import DIALECTS
from bridge.ledger.storage.metadata import Instant, metadata
from bridge.ledger.storage.store import Store
from bridge.values import dataclass

CircuitSeen = Literal["closed", "half_open", "open"]
"""Whether a worker's calls pass, as `bridge.spine.bulkhead.Circuit` has it."""

_FORGOTTEN_AFTER: Final = timedelta(days=7)
"""A worker that was not heard of for so long is forgotten, with what it saw."""

workers = Table(
    "workers_seen",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("stopped_at", Instant),
    sqlite_with_rowid=False,
)
upstreams = Table(
    "upstreams_seen",
    metadata,
    Column("worker", Text, ForeignKey("workers_seen.worker", ondelete="CASCADE"), primary_key=True),
    Column("upstream", Text, primary_key=True),
    Column("place", Text, primary_key=True),  # ODS code of a practice; empty: a national service
    Column("circuit", Text, nullable=False),
    Column("in_flight", Integer, nullable=False),
    Column("answered_at", Instant),
    Column("failed_at", Instant),
    sqlite_with_rowid=False,
)
directory = Table(
    "directory_seen",
    metadata,
    Column("practice_ods", Text, primary_key=True),
    Column("interaction", Text, primary_key=True),
    Column("looked_up_at", Instant, nullable=False),
    Column("supplier_ods", Text),
    Column("asid", Text),
    Column("address", Text),
    Column("detail", Text),  # why there is none of these
    sqlite_with_rowid=False,
)
capabilities = Table(
    "capabilities_seen",
    metadata,
    Column("practice_ods", Text, primary_key=True),
    Column("interaction", Text, primary_key=True),
    Column("retrieved_at", Instant, nullable=False),
    Column("version", Text),
    Column("operations", Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class UpstreamSeen:
    """Somebody who is called, as one worker sees it.

    Attributes:
        upstream: ``pds``, ``sds``, ``ssp`` or ``practice``.
        place: ODS code of the practice; empty of a national service.
        circuit: whether its calls pass.
        in_flight: calls that wait for an answer.
        answered_at: when the last answer came that was no failure of theirs; None: none did.
        failed_at: when a call failed last by their fault; None: none did.
    """

    upstream: str
    place: str
    circuit: CircuitSeen
    in_flight: int
    answered_at: datetime | None
    failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DirectorySeen:
    """What the directory last said of one capability of a practice, if it said anything.

    Attributes:
        supplier_ods: who made the practice's system; None where it did not say.
        asid, address: of the capability; None where it has none.
        detail: why it has none, or no single one.
    """

    practice_ods: str
    interaction: str
    looked_up_at: datetime
    supplier_ods: str | None = None
    asid: str | None = None
    address: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class CapabilitySeen:
    """What a practice's system last said it is: the version of GP Connect it keeps, and its operations."""

    practice_ods: str
    interaction: str
    retrieved_at: datetime
    version: str | None
    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerSighting:
    """What a worker saw since it last told. `seen_at` is the moment of the look, whatever is in it."""

    seen_at: datetime
    upstreams: Sequence[UpstreamSeen] = ()
    directory: Sequence[DirectorySeen] = ()
    capabilities: Sequence[CapabilitySeen] = ()


@dataclass(frozen=True, slots=True)
class SeenByWorker:
    """The same of one worker, with when it last looked, and whether it was stopped since."""

    worker: str
    seen_at: datetime
    stopped_at: datetime | None
    seen: UpstreamSeen


class Sightings:
    """What workers see.

    Args:
        store: the database.
        worker: who this one is.
    """

    def __init__(self, store: Store, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._started_at = utc_now()

    async def keep(self, sighting: WorkerSighting) -> None:
        """Write down what this worker sees."""
        await self._store.write(lambda connection: self._keep(connection, sighting))

    async def stop(self) -> None:
        """Write down that this worker looks no more."""
        of_this = workers.c.worker == self._worker
        now = utc_now()
        await self._store.write(
            lambda connection: connection.execute(update(workers).where(of_this).values(stopped_at=now))
        )

    async def upstreams(self, *, national: bool) -> Sequence[SeenByWorker]:
        """What each worker last saw of national services, or of practices."""
        return await self._store.read(lambda connection: _upstreams(connection, national=national))

    async def workers(self) -> Sequence[datetime]:
        """When each worker that was not stopped last looked, the newest first."""
        running = select(workers.c.seen_at).where(workers.c.stopped_at.is_(None))
        return await self._store.read(
            lambda connection: connection.scalars(running.order_by(workers.c.seen_at.desc())).all()
        )

    async def directory(
        self, practices: Collection[str] | None = None, *, limit: int = 500
    ) -> Sequence[DirectorySeen]:
        """What the directory last said of these practices, or of all; the newest first."""
        newest = select(directory).order_by(directory.c.looked_up_at.desc()).limit(limit)
        if practices is not None:
            newest = newest.where(directory.c.practice_ods.in_(practices))
        return await self._store.read(
            lambda connection: [DirectorySeen(**row) for row in connection.execute(newest).mappings()]
        )

    async def capabilities(self, practices: Collection[str]) -> Sequence[CapabilitySeen]:
        """What these practices last said they are, the newest first."""
        newest = (
            select(capabilities)
            .where(capabilities.c.practice_ods.in_(practices))
            .order_by(capabilities.c.retrieved_at.desc())
        )
        return await self._store.read(
            lambda connection: [
                CapabilitySeen(**{**row, "operations": tuple(orjson.loads(row["operations"]))})
                for row in connection.execute(newest).mappings()
            ]
        )

    def _keep(self, connection: Connection, sighting: WorkerSighting) -> None:
        me = {"worker": self._worker, "started_at": self._started_at, "seen_at": sighting.seen_at}
        _put(connection, workers, [{**me, "stopped_at": None}])
        _put(connection, upstreams, [{"worker": self._worker, **asdict(each)} for each in sighting.upstreams])
        _put(connection, directory, [asdict(each) for each in sighting.directory], newest="looked_up_at")
        said = [
            {**asdict(each), "operations": orjson.dumps(each.operations).decode()}
            for each in sighting.capabilities
        ]
        _put(connection, capabilities, said, newest="retrieved_at")
        gone = workers.c.seen_at < sighting.seen_at - _FORGOTTEN_AFTER
        connection.execute(delete(workers).where(gone))


def _upstreams(connection: Connection, *, national: bool) -> Sequence[SeenByWorker]:
    is_wanted = upstreams.c.place == "" if national else upstreams.c.place != ""
    found = (
        select(upstreams, workers.c.seen_at, workers.c.stopped_at)
        .join(workers, workers.c.worker == upstreams.c.worker)
        .where(is_wanted)
        .order_by(upstreams.c.upstream, upstreams.c.place, workers.c.seen_at.desc())
    )
    return [
        SeenByWorker(
            row.worker,
            row.seen_at,
            row.stopped_at,
            UpstreamSeen(row.upstream, row.place, row.circuit, row.in_flight, row.answered_at, row.failed_at),
        )
        for row in connection.execute(found)
    ]


def _put(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, newest: str | None = None
) -> None:
    """Add rows, or put them in place of older ones; in one order, so that no two workers deadlock."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    new = DIALECTS[connection.dialect.name].insert(table)
    others = {column.name: new.excluded[column.name] for column in table.c if column.name not in key}
    condition = None if newest is None else new.excluded[newest] >= table.c[newest]
    put = new.on_conflict_do_update(index_elements=key, set_=others, where=condition)
    connection.execute(put, sorted(rows, key=lambda row: [row[name] for name in key]))
