"""Jobs of an operator: a frozen set, confirmed with a reason, and what became of each of it.

::

    planned ──▶ confirmed ──▶ running ──▶ done
       │            │        │      ▲
       │            │        ▼      │
       │            │        paused ┤
       └────────────┴───────────────┴───▶ stopped

What the jobs are over stands beside this: `bridge.ledger.storage.dead_letter_jobs`, `replay_jobs`. What
is in a job that may still run is in no other one.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, Literal, Protocol, TypeVar

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    Row,
    Select,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.schema import SchemaItem

from bridge.errors import BridgeError
from bridge.ledger.clocks import utc_now
from bridge.ledger.storage.metadata import Instant, metadata
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.values import dataclass

JobKind = Literal["replay", "discard"]
JobState = Literal["planned", "confirmed", "running", "paused", "stopped", "done"]

OPEN: Final = ("confirmed", "running", "paused")
"""What is in such a job is in no other plan."""


class JobRefused(BridgeError):  # noqa: N818 - says what is so
    """The job does not exist, or is in a state that does not allow this; the text says which."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands: `total` is the frozen count, `marked` how many of them are dealt with."""

    id: str
    kind: JobKind
    state: JobState
    total: int
    marked: int
    planned_at: datetime
    planned_by: str
    confirmed_at: datetime | None
    confirmed_by: str | None
    actor: str | None
    reason: str | None
    lease_until: datetime | None
    ended_at: datetime | None

    @property
    def left(self) -> int:
        """How many are not dealt with."""
        return self.total - self.marked


class JobItem(Protocol):
    """What a job is over, one of them: its fields are columns of the table of items."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def marked_at(self) -> datetime | None:
        """When it was dealt with."""


I = TypeVar("I", bound=JobItem)  # noqa: E741 - an item


@dataclass(frozen=True, slots=True)
class JobTables:
    """Where jobs over one kind of thing are kept.

    Attributes:
        jobs: made by `table_of_jobs`.
        items: made by `table_of_items`.
        key: the column of `items` that names one, in whatever job.
        none_left: why a plan without any is refused.
    """

    jobs: Table
    items: Table
    key: str
    none_left: str


def table_of_jobs(name: str, *kinds: JobKind) -> Table:
    """A table of jobs of these kinds."""
    states = "'planned', 'confirmed', 'running', 'paused', 'stopped', 'done'"
    return Table(
        name,
        metadata,
        Column("id", Text, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("planned_at", Instant, nullable=False, index=True),
        Column("planned_by", Text, nullable=False),
        Column("confirmed_at", Instant),
        Column("confirmed_by", Text),
        Column("actor", Text),
        Column("reason", Text),
        Column("runner", Text),  # who runs it, until when: None when nobody does
        Column("lease_until", Instant),
        Column("ended_at", Instant),
        CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in kinds)})", name="kind"),
        CheckConstraint(f"state IN ({states})", name="state"),
    )


def table_of_items(name: str, *, of: Table, key: str, columns: Sequence[SchemaItem]) -> Table:
    """A table of what jobs are over.

    Args:
        name: of the table.
        of: the table of the jobs.
        key: the column that names an item.
        columns: whatever else is known of one.
    """
    return Table(
        name,
        metadata,
        Column("job_id", Text, ForeignKey(of.c.id, ondelete="CASCADE"), primary_key=True),
        Column(key, Text, primary_key=True),
        Column("number", Integer, nullable=False),
        *columns,
        Column("marked_at", Instant),
        sqlite_with_rowid=False,
    )


def new_job_id() -> str:
    """The id of a job that is to be planned."""
    return secrets.token_hex(4)


class JobStore(Generic[I]):
    """The jobs over one kind of thing in one ledger.

    Args:
        store: the ledger's database.
        tables: where they are.
        item: the type of what they are over.
        lease: how long a process that was killed keeps its job from another one.
        clock: tells the time.
    """

    def __init__(
        self,
        store: Store,
        tables: JobTables,
        item: type[I],
        *,
        lease: timedelta,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._jobs = tables.jobs
        self._items = tables.items
        self._key = tables.items.c[tables.key]
        self._none_left = tables.none_left
        self._item = item
        self._names = tuple(item.__dataclass_fields__)
        self._lease = lease
        self._clock = clock

    async def plan(
        self,
        kind: JobKind,
        found: Sequence[I],
        *,
        by: str,
        also: Callable[[Job], LedgerStep[object]],
        job_id: str | None = None,
    ) -> Job:
        """Freeze a set, without what another confirmed job has.

        Args:
            kind: what is to be done with it.
            found: the set.
            by: who plans.
            also: given the job, what runs in the same transaction (the audit trail's entry).
            job_id: of `new_job_id`, where what is frozen depends on it.

        Raises:
            JobRefused: nothing is left.
        """
        now, job_id = self._clock(), job_id or new_job_id()

        def step(connection: Connection) -> Job:
            taken = set(
                connection.scalars(select(self._key).join(self._jobs).where(self._jobs.c.state.in_(OPEN)))
            )
            rows = {row[self._key.name]: row for row in map(self._row, found)}
            frozen = [row for key, row in rows.items() if key not in taken]
            if not frozen:
                raise JobRefused(self._none_left)
            planned = {"id": job_id, "kind": kind, "state": "planned", "planned_at": now, "planned_by": by}
            connection.execute(insert(self._jobs), planned)
            numbered = [
                row | {"job_id": job_id, "number": number} for number, row in enumerate(frozen, start=1)
            ]
            connection.execute(insert(self._items), numbered)
            job = self._find(connection, job_id)
            also(job)(connection)
            return job

        return await self._store.write(step)

    async def confirm(
        self, job_id: str, kind: JobKind, *, by: str, actor: str, reason: str, also: LedgerStep[object]
    ) -> Job:
        """Let a planned job run; `also` runs in the same transaction (the audit trail's entry).

        Raises:
            JobRefused: it is not planned any more, or another job has taken some of it.
        """
        now = self._clock()

        def step(connection: Connection) -> Job:
            of_sharers = set(connection.scalars(self._states_of_sharers(job_id)))
            self._demand(connection, job_id, kind, "planned")
            if of_sharers & set(OPEN):
                raise JobRefused("another job has taken some of this plan: plan again")
            told = {"confirmed_at": now, "confirmed_by": by, "actor": actor, "reason": reason}
            self._set(connection, job_id, state="confirmed", **told)
            also(connection)
            return self._find(connection, job_id)

        return await self._store.write(step)

    async def start(self, job_id: str, kind: JobKind, *, runner: str) -> Job:
        """Take a job up, new, paused, or left by a process that is gone.

        Raises:
            JobRefused: it is not confirmed, has ended, or another process runs it.
        """
        now = self._clock()

        def step(connection: Connection) -> Job:
            job = self._demand(connection, job_id, kind, *OPEN)
            if job.lease_until is not None and now < job.lease_until:
                until = f"{job.lease_until:%H:%M:%S} UTC"
                raise JobRefused(f"another process runs it, or was killed while it did: wait until {until}")
            self._set(connection, job_id, state="running", runner=runner, lease_until=now + self._lease)
            return self._find(connection, job_id)

        return await self._store.write(step)

    async def hold(self, job_id: str, *, runner: str) -> bool:
        """Renew the lease; False when the job is not to go on: paused, stopped, or taken over."""
        now = self._clock()
        held = (
            update(self._jobs)
            .where(self._jobs.c.id == job_id, self._jobs.c.runner == runner, self._jobs.c.state == "running")
            .values(lease_until=now + self._lease)
        )
        return await self._store.write(lambda connection: connection.execute(held).rowcount == 1)

    async def mark(self, job_id: str, key: str, *, also: LedgerStep[object], **told: object) -> None:
        """Note that one of a job is dealt with, and what is `told` of that; once.

        Args:
            job_id: of the job.
            key: names what is dealt with.
            also: runs in the same transaction.
            told: other columns of it.
        """
        now = self._clock()
        items = self._items
        marked = (
            update(items)
            .where(items.c.job_id == job_id, self._key == key, items.c.marked_at.is_(None))
            .values(marked_at=now, **told)
        )

        def step(connection: Connection) -> None:
            if connection.execute(marked).rowcount:
                also(connection)

        await self._store.write(step)

    async def release(self, job_id: str, *, runner: str, complete: bool) -> Job:
        """Let go of a job that this process ran; `complete` when it looked at everything to the end.

        Then it is done if nothing is left of it; else it is paused.
        """
        now = self._clock()

        def step(connection: Connection) -> Job:
            mine = update(self._jobs).where(self._jobs.c.id == job_id, self._jobs.c.runner == runner)
            connection.execute(mine.values(lease_until=None, runner=None))
            job = self._find(connection, job_id)
            if job.state == "running":
                done = complete and not job.left
                change = {"state": "done", "ended_at": now} if done else {"state": "paused"}
                free = update(self._jobs).where(self._jobs.c.id == job_id, self._jobs.c.runner.is_(None))
                connection.execute(free.values(**change))
            return self._find(connection, job_id)

        return await self._store.write(step)

    async def pause(self, job_id: str, kind: JobKind, *, also: LedgerStep[object] | None = None) -> Job:
        """Let the process that runs it end after what it has in hand; `also` as for `confirm`.

        Raises:
            JobRefused: it is not confirmed, or has ended.
        """
        return await self._change(job_id, kind, OPEN, {"state": "paused"}, also)

    async def stop(self, job_id: str, kind: JobKind, *, also: LedgerStep[object] | None = None) -> Job:
        """End a job for good; what is not marked stays as it is; `also` as for `confirm`.

        Raises:
            JobRefused: it has ended.
        """
        ended = {"state": "stopped", "ended_at": self._clock()}
        return await self._change(job_id, kind, ("planned", *OPEN), ended, also)

    async def items(self, job_id: str) -> Mapping[str, I]:
        """The frozen set by what names each, in its order."""
        query = select(self._items).where(self._items.c.job_id == job_id).order_by(self._items.c.number)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        found = (self._item(**{name: getattr(row, name) for name in self._names}) for row in rows)
        return {getattr(item, self._key.name): item for item in found}

    async def job(self, job_id: str, kind: JobKind) -> Job:
        """One job.

        Raises:
            JobRefused: there is none of this kind.
        """
        return await self._store.read(lambda connection: self._of_kind(connection, job_id, kind))

    async def all(self, kind: JobKind) -> list[Job]:
        """Every job of a kind, newest first."""
        newest = (
            select(self._jobs.c.id).where(self._jobs.c.kind == kind).order_by(self._jobs.c.planned_at.desc())
        )
        return await self._store.read(
            lambda connection: [self._find(connection, job_id) for job_id in connection.scalars(newest).all()]
        )

    async def _change(
        self,
        job_id: str,
        kind: JobKind,
        allowed: Sequence[JobState],
        change: Mapping[str, Any],
        also: LedgerStep[object] | None,
    ) -> Job:
        def step(connection: Connection) -> Job:
            self._demand(connection, job_id, kind, *allowed)
            self._set(connection, job_id, **change)
            if also is not None:
                also(connection)
            return self._find(connection, job_id)

        return await self._store.write(step)

    def _row(self, item: I) -> dict[str, Any]:
        return {name: getattr(item, name) for name in self._names}

    def _set(self, connection: Connection, job_id: str, **values: object) -> None:
        connection.execute(update(self._jobs).where(self._jobs.c.id == job_id).values(**values))

    def _states_of_sharers(self, job_id: str) -> Select[tuple[str]]:
        """The states of this job and of all that share some of it, locked: one at a time is confirmed."""
        items = self._items
        own = select(self._key).where(items.c.job_id == job_id)
        sharing = select(items.c.job_id).where(self._key.in_(own))
        jobs = self._jobs
        return select(jobs.c.state).where(jobs.c.id.in_(sharing)).order_by(jobs.c.id).with_for_update()

    def _demand(self, connection: Connection, job_id: str, kind: JobKind, *allowed: JobState) -> Job:
        connection.execute(select(self._jobs.c.id).where(self._jobs.c.id == job_id).with_for_update())
        job = self._of_kind(connection, job_id, kind)
        if job.state not in allowed:
            raise JobRefused(f"the job is {job.state}, not {' or '.join(allowed)}")
        return job

    def _of_kind(self, connection: Connection, job_id: str, kind: JobKind) -> Job:
        job = self._find(connection, job_id)
        if job.kind != kind:
            raise JobRefused(f"that is a job to {job.kind}")
        return job

    def _find(self, connection: Connection, job_id: str) -> Job:
        row = connection.execute(select(self._jobs).where(self._jobs.c.id == job_id)).one_or_none()
        if row is None:
            raise JobRefused("there is no such job")
        counted = select(func.count(), func.count(self._items.c.marked_at)).where(
            self._items.c.job_id == job_id
        )
        total, marked = connection.execute(counted).one()
        return _job(row, total, marked)


def _job(row: Row[Any], total: int, marked: int) -> Job:
    own = [known.name for known in fields(Job) if known.name not in ("total", "marked")]
    return Job(**{name: getattr(row, name) for name in own}, total=total, marked=marked)
