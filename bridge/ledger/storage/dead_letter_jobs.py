"""Jobs that send dead letters again, or discard them: a frozen set, a reason, and what became of each.

::

    planned ──▶ confirmed ──▶ running ──▶ done
       │            │        │      ▲
       │            │        ▼      │
       │            │        paused ┤
       └────────────┴───────────────┴───▶ stopped

A dead letter is marked after its copy is safe (or, to be discarded, when that is decided) and before it
is taken away. A job that was killed in between goes on where it was: what is marked is only taken away.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

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

from bridge.errors import BridgeError
from bridge.ledger.clocks import utc_now
from bridge.ledger.storage.metadata import Instant, metadata
from bridge.ledger.storage.store import LedgerStep, Store

JobKind = Literal["replay", "discard"]
JobState = Literal["planned", "confirmed", "running", "paused", "stopped", "done"]

jobs = Table(
    "letter_jobs",
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
    CheckConstraint("kind IN ('replay', 'discard')", name="kind"),
    CheckConstraint(
        "state IN ('planned', 'confirmed', 'running', 'paused', 'stopped', 'done')", name="state"
    ),
)

dead_letters = Table(
    "letter_job_letters",
    metadata,
    Column("job_id", Text, ForeignKey("letter_jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("letter_id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("correlation_id", Text),
    Column("marked_at", Instant),
    sqlite_with_rowid=False,
)

_OPEN: Final = ("confirmed", "running", "paused")
"""A dead letter of such a job is in no other plan."""


class JobRefused(BridgeError):  # noqa: N818 - says what is so
    """The job does not exist, or is in a state that does not allow this; the text says which."""


@dataclass(frozen=True, slots=True)
class JobDeadLetter:
    """One dead letter of a job; `cause` is the reason it is dead, `marked_at` when it was dealt with."""

    letter_id: str
    pipeline: str
    cause: str
    message_id: str
    correlation_id: str | None
    marked_at: datetime | None = None


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


class Jobs:
    """The jobs in one ledger.

    Args:
        store: the ledger's database.
        lease: how long a process that was killed keeps its job from another one.
        clock: tells the time.
    """

    def __init__(self, store: Store, *, lease: timedelta, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._lease = lease
        self._clock = clock

    async def plan(self, kind: JobKind, found: Sequence[JobDeadLetter], *, by: str) -> Job:
        """Freeze a set of dead letters, without those that another confirmed job has.

        Raises:
            JobRefused: nothing is left.
        """
        now, job_id = self._clock(), secrets.token_hex(4)

        def step(connection: Connection) -> Job:
            taken = set(
                connection.scalars(select(dead_letters.c.letter_id).join(jobs).where(jobs.c.state.in_(_OPEN)))
            )
            frozen = {one.letter_id: one for one in found if one.letter_id not in taken}
            if not frozen:
                raise JobRefused("no such dead letter, or another job has it")
            planned = {"id": job_id, "kind": kind, "state": "planned", "planned_at": now, "planned_by": by}
            connection.execute(insert(jobs), planned)
            connection.execute(
                insert(dead_letters),
                [
                    _dead_letter_row(job_id, number, one)
                    for number, one in enumerate(frozen.values(), start=1)
                ],
            )
            return _find(connection, job_id)

        return await self._store.write(step)

    async def confirm(
        self, job_id: str, kind: JobKind, *, by: str, actor: str, reason: str, also: LedgerStep[object]
    ) -> Job:
        """Let a planned job run; `also` runs in the same transaction (the audit trail's entry).

        Raises:
            JobRefused: it is not planned any more, or another job has taken dead letters of it.
        """
        now = self._clock()

        def step(connection: Connection) -> Job:
            of_sharers = set(connection.scalars(_states_of_sharers(job_id)))
            _demand(connection, job_id, kind, "planned")
            if of_sharers & set(_OPEN):
                raise JobRefused("another job has taken dead letters of this plan: plan again")
            told = {"confirmed_at": now, "confirmed_by": by, "actor": actor, "reason": reason}
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(state="confirmed", **told))
            also(connection)
            return _find(connection, job_id)

        return await self._store.write(step)

    async def start(self, job_id: str, kind: JobKind, *, runner: str) -> Job:
        """Take a job up, new, paused, or left by a process that is gone.

        Raises:
            JobRefused: it is not confirmed, has ended, or another process runs it.
        """
        now = self._clock()

        def step(connection: Connection) -> Job:
            job = _demand(connection, job_id, kind, *_OPEN)
            if job.lease_until is not None and now < job.lease_until:
                until = f"{job.lease_until:%H:%M:%S} UTC"
                raise JobRefused(f"another process runs it, or was killed while it did: wait until {until}")
            taken = {"state": "running", "runner": runner, "lease_until": now + self._lease}
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**taken))
            return _find(connection, job_id)

        return await self._store.write(step)

    async def hold(self, job_id: str, *, runner: str) -> bool:
        """Renew the lease; False when the job is not to go on: paused, stopped, or taken over."""
        now = self._clock()
        held = (
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.runner == runner, jobs.c.state == "running")
            .values(lease_until=now + self._lease)
        )
        return await self._store.write(lambda connection: connection.execute(held).rowcount == 1)

    async def mark(self, job_id: str, letter_id: str, *, also: LedgerStep[object]) -> None:
        """Note that a dead letter is dealt with; `also` runs in the same transaction."""
        now = self._clock()
        marked = (
            update(dead_letters)
            .where(
                dead_letters.c.job_id == job_id,
                dead_letters.c.letter_id == letter_id,
                dead_letters.c.marked_at.is_(None),
            )
            .values(marked_at=now)
        )

        def step(connection: Connection) -> None:
            if connection.execute(marked).rowcount:
                also(connection)

        await self._store.write(step)

    async def release(self, job_id: str, *, runner: str, complete: bool) -> Job:
        """Let go of a job that this process ran; `complete` when it looked through every queue to the end.

        Then it is done if nothing is left of it; else it is paused.
        """
        now = self._clock()

        def step(connection: Connection) -> Job:
            mine = update(jobs).where(jobs.c.id == job_id, jobs.c.runner == runner)
            connection.execute(mine.values(lease_until=None, runner=None))
            job = _find(connection, job_id)
            if job.state == "running":
                done = complete and job.marked == job.total
                change = {"state": "done", "ended_at": now} if done else {"state": "paused"}
                connection.execute(
                    update(jobs).where(jobs.c.id == job_id, jobs.c.runner.is_(None)).values(**change)
                )
            return _find(connection, job_id)

        return await self._store.write(step)

    async def pause(self, job_id: str, kind: JobKind) -> Job:
        """Let the process that runs it end after the dead letter at hand.

        Raises:
            JobRefused: it is not confirmed, or has ended.
        """
        return await self._change(job_id, kind, _OPEN, {"state": "paused"})

    async def stop(self, job_id: str, kind: JobKind) -> Job:
        """End a job for good; what is not marked stays among the dead letters.

        Raises:
            JobRefused: it has ended.
        """
        ended = {"state": "stopped", "ended_at": self._clock()}
        return await self._change(job_id, kind, ("planned", *_OPEN), ended)

    async def dead_letters(self, job_id: str) -> Mapping[str, JobDeadLetter]:
        """The frozen set by `letter_id`, in its order."""
        query = select(dead_letters).where(dead_letters.c.job_id == job_id).order_by(dead_letters.c.number)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        names = tuple(JobDeadLetter.__dataclass_fields__)
        return {row.letter_id: JobDeadLetter(**{name: getattr(row, name) for name in names}) for row in rows}

    async def job(self, job_id: str, kind: JobKind) -> Job:
        """One job.

        Raises:
            JobRefused: there is none of this kind.
        """
        return await self._store.read(lambda connection: _of_kind(connection, job_id, kind))

    async def all(self, kind: JobKind) -> list[Job]:
        """Every job of a kind, newest first."""
        newest = select(jobs.c.id).where(jobs.c.kind == kind).order_by(jobs.c.planned_at.desc())
        return await self._store.read(
            lambda connection: [_find(connection, job_id) for job_id in connection.scalars(newest).all()]
        )

    async def discarded(self, pipeline: str, cause: str) -> int:
        """How many dead letters of a pipeline that died for this cause were ever discarded."""
        query = (
            select(func.count())
            .select_from(dead_letters.join(jobs))
            .where(
                jobs.c.kind == "discard",
                dead_letters.c.pipeline == pipeline,
                dead_letters.c.cause == cause,
                dead_letters.c.marked_at.is_not(None),
            )
        )
        return await self._store.read(lambda connection: connection.execute(query).scalar_one())

    async def _change(
        self, job_id: str, kind: JobKind, allowed: Sequence[JobState], change: Mapping[str, Any]
    ) -> Job:
        def step(connection: Connection) -> Job:
            _demand(connection, job_id, kind, *allowed)
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**change))
            return _find(connection, job_id)

        return await self._store.write(step)


def _states_of_sharers(job_id: str) -> Select[tuple[str]]:
    """The states of this job and of all that share dead letters, locked: one at a time is confirmed."""
    own = select(dead_letters.c.letter_id).where(dead_letters.c.job_id == job_id)
    sharing = select(dead_letters.c.job_id).where(dead_letters.c.letter_id.in_(own))
    return select(jobs.c.state).where(jobs.c.id.in_(sharing)).order_by(jobs.c.id).with_for_update()


def _demand(connection: Connection, job_id: str, kind: JobKind, *allowed: JobState) -> Job:
    connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update())
    job = _of_kind(connection, job_id, kind)
    if job.state not in allowed:
        raise JobRefused(f"the job is {job.state}, not {' or '.join(allowed)}")
    return job


def _of_kind(connection: Connection, job_id: str, kind: JobKind) -> Job:
    job = _find(connection, job_id)
    if job.kind != kind:
        raise JobRefused(f"that is a job to {job.kind}")
    return job


def _find(connection: Connection, job_id: str) -> Job:
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise JobRefused("there is no such job")
    counted = select(func.count(), func.count(dead_letters.c.marked_at)).where(
        dead_letters.c.job_id == job_id
    )
    total, marked = connection.execute(counted).one()
    return _job(row, total, marked)


def _job(row: Row[Any], total: int, marked: int) -> Job:
    own = [name for name in Job.__dataclass_fields__ if name not in ("total", "marked")]
    return Job(**{name: getattr(row, name) for name in own}, total=total, marked=marked)


def _dead_letter_row(job_id: str, number: int, dead_letter: JobDeadLetter) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "letter_id": dead_letter.letter_id,
        "number": number,
        "pipeline": dead_letter.pipeline,
        "cause": dead_letter.cause,
        "message_id": dead_letter.message_id,
        "correlation_id": dead_letter.correlation_id,
    }
