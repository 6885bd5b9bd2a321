"""What jobs of an operator share, whatever they are over: confirmed with a reason, and run by one process."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar
from uuid import uuid4

from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.storage.jobs import Job, JobItem, JobKind, JobStore
from bridge.ledger.storage.store import LedgerStep
from bridge.observe import record
from bridge.observe.vocabulary.process import JobLeft
from bridge.operations import reasons
from bridge.operations.site import Stores, operator

__all__ = ["Job", "JobRun", "confirmed", "planned_by"]

I = TypeVar("I", bound=JobItem)  # noqa: E741 - an item


def planned_by(
    stores: Stores, event: str, actor: Actor, facts: Mapping[str, str]
) -> Callable[[Job], LedgerStep[object]]:
    """Who planned a job, and over how many, for the audit trail: in the transaction that plans it.

    Args:
        stores: the audit trail.
        event: of the entry in the trail.
        actor: who plans.
        facts: what else is known of the plan: codes and counts.
    """

    def noted(job: Job) -> LedgerStep[object]:
        told = {"job": job.id, "total": str(job.total), **facts}
        return stores.trail.step(Entry(event=event, outcome="completed", actor=actor, facts=told))

    return noted


async def confirmed(
    stores: Stores, jobs: JobStore[Any], job_id: str, kind: JobKind, *, event: str, actor: Actor, reason: str
) -> Job:
    """Let a planned job run; who and why goes to the audit trail, in the same transaction.

    Args:
        stores: the audit trail.
        jobs: where the job is.
        job_id: of the job.
        kind: what it does.
        event: of the entry in the trail.
        actor: who decides it.
        reason: why.

    Raises:
        ReasonMissing: the reason is blank.
        JobRefused: it is not planned any more.
    """
    why = reasons.given(reason)
    entry = Entry(event=event, outcome="completed", actor=actor, facts={"job": job_id, "reason": why})
    also = stores.trail.step(entry)
    return await jobs.confirm(job_id, kind, by=actor.user_id, actor=actor.name, reason=why, also=also)


async def ended_by_hand(
    stores: Stores,
    jobs: JobStore[Any],
    job_id: str,
    kind: JobKind,
    *,
    how: Literal["pause", "stop"],
    event: str,
    actor: Actor,
) -> Job:
    """Pause a job, or end it for good; who did so goes to the audit trail, in the same transaction.

    Args:
        stores: the audit trail.
        jobs: where the job is.
        job_id: of the job.
        kind: what it does.
        how: ``pause`` or ``stop``.
        event: of the entry in the trail.
        actor: who does it.

    Raises:
        JobRefused: it is not run, or has ended.
    """
    entry = Entry(event=event, outcome="completed", actor=actor, facts={"job": job_id})
    change = jobs.pause if how == "pause" else jobs.stop
    return await change(job_id, kind, also=stores.trail.step(entry))


class JobRun(ABC, Generic[I]):
    """One process's run of a job.

    Args:
        stores: the audit trail gets an entry for everything that is dealt with, by whoever confirmed the job.
        jobs: where the job is.
        rate: so many a second, at most.
        progress: told after each how many it was.
    """

    def __init__(
        self, stores: Stores, jobs: JobStore[I], *, rate: float, progress: Callable[[int], None]
    ) -> None:
        self._stores = stores
        self._jobs = jobs
        self._pause = 1 / rate
        self._progress = progress
        self._runner = uuid4().hex

    async def __call__(self, job_id: str, kind: JobKind) -> Job:
        """Run the job; as it stands then.

        Raises:
            JobRefused: it is not confirmed, has ended, or another process runs it.
        """
        job = await self._jobs.start(job_id, kind, runner=self._runner)
        complete = False
        try:
            complete = await self._deal_with(job, await self._jobs.items(job.id))
        finally:
            ended = await self._jobs.release(job_id, runner=self._runner, complete=complete)
            record(JobLeft(job_id, ended.state, total=ended.total, marked=ended.marked))
        return ended

    @abstractmethod
    async def _deal_with(self, job: Job, items: Mapping[str, I]) -> bool:
        """Go through it, asking `_may_go_on` before each; whether all was looked at."""

    async def _may_go_on(self, job: Job) -> bool:
        """Whether nobody paused, stopped or took over the job."""
        return await self._jobs.hold(job.id, runner=self._runner)

    async def _dealt_with_one(self) -> None:
        self._progress(1)
        await asyncio.sleep(self._pause)

    def _actor(self, job: Job) -> Actor:
        """Who is answerable for what the job does."""
        assert job.confirmed_by is not None  # else it would not have been started
        return operator(self._stores.settings, job.confirmed_by, job.actor)
