"""Jobs that send dead letters again, or discard them: planned, confirmed with a reason, and run.

A dead letter that is sent again is a request like any other: one whose id the ledger knows as ended publishes
what it still owes and is called for no second time. A request that was rejected is corrected by its sender
and sent anew, under an id of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Literal

from bridge.bus.port import HeldDeadLetter
from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.storage.dead_letter_jobs import JobDeadLetter
from bridge.ledger.storage.jobs import Job, JobKind, JobRefused
from bridge.operations.dead_letters import FoundDeadLetter, dead_letters
from bridge.operations.jobs import JobRun, confirmed, ended_by_hand, planned_by
from bridge.operations.site import Queues, Stores, open_queues

__all__ = ["Job", "JobKind", "JobRefused", "confirm", "end", "plan", "run"]

_ENDED: Final = {"pause": "paused", "stop": "stopped"}


async def plan(
    stores: Stores, queues: Queues, kind: JobKind, *, reason: str | None, limit: int | None, actor: Actor
) -> tuple[Job, Sequence[FoundDeadLetter]]:
    """Freeze the dead letters that are there now as a job; the job, and its letters without their bodies.

    Args:
        stores: keep the job.
        queues: the pipelines whose dead letters are taken.
        kind: what is to be done with them.
        reason: only those that are dead for it.
        limit: at most so many, the oldest of each pipeline first.
        actor: who plans; the audit trail is told.

    Raises:
        JobRefused: no dead letter is left.
    """
    chosen: list[FoundDeadLetter] = []
    async with aclosing(dead_letters(queues, reason=reason)) as found:
        async for one in found:
            chosen.append(one.without_body())
            if len(chosen) == limit:
                break
    wanted = {"pipelines": ",".join(queues.by_pipeline), "cause": reason or "any"}
    noted = planned_by(stores, f"dead.{kind}.planned", actor, wanted)
    job = await stores.dead_letter_jobs.plan(
        kind, [_frozen(one) for one in chosen], by=actor.user_id, also=noted
    )
    frozen = await stores.dead_letter_jobs.items(job.id)
    return job, [one for one in chosen if one.dead_letter.id in frozen]


async def confirm(stores: Stores, job_id: str, kind: JobKind, *, actor: Actor, reason: str) -> Job:
    """Let a planned job run; who and why goes to the audit trail.

    Raises:
        ReasonMissing: the reason is blank.
        JobRefused: it is not planned any more.
    """
    event = f"dead.{kind}.confirmed"
    jobs = stores.dead_letter_jobs
    return await confirmed(stores, jobs, job_id, kind, event=event, actor=actor, reason=reason)


async def end(
    stores: Stores, job_id: str, kind: JobKind, *, how: Literal["pause", "stop"], actor: Actor
) -> Job:
    """Pause a job, or end it for good; the audit trail is told.

    Raises:
        JobRefused: it is not run, or has ended.
    """
    jobs, event = stores.dead_letter_jobs, f"dead.{kind}.{_ENDED[how]}"
    return await ended_by_hand(stores, jobs, job_id, kind, how=how, event=event, actor=actor)


async def run(stores: Stores, job: Job, *, rate: float, progress: Callable[[int], None]) -> Job:
    """Deal with every dead letter of a confirmed job that is found; the job as it stands then.

    It is ``paused`` when some were not found: another look held them, or somebody took them. Another process
    ends the run with `end`.

    Args:
        stores: the job's; the audit trail gets an entry for every dead letter, by whoever confirmed the job.
        job: which; how it stands is looked at anew.
        rate: dead letters a second, at most.
        progress: told after each dead letter how many it was.

    Raises:
        JobRefused: it is not confirmed, has ended, or another process runs it.
    """
    frozen = await stores.dead_letter_jobs.items(job.id)
    pipelines = sorted({letter.pipeline for letter in frozen.values()})
    async with open_queues(stores.settings, pipelines) as queues:
        return await _DeadLetterRun(stores, queues, rate=rate, progress=progress)(job.id, job.kind)


class _DeadLetterRun(JobRun[JobDeadLetter]):
    """One process's run of a job over dead letters."""

    def __init__(
        self, stores: Stores, queues: Queues, *, rate: float, progress: Callable[[int], None]
    ) -> None:
        super().__init__(stores, stores.dead_letter_jobs, rate=rate, progress=progress)
        self._queues = queues

    async def _deal_with(self, job: Job, items: Mapping[str, JobDeadLetter]) -> bool:
        for pipeline in dict.fromkeys(letter.pipeline for letter in items.values()):
            async with self._queues.bus.dead_letters(self._queues.by_pipeline[pipeline]) as held:
                async for one in held:
                    letter = items.get(one.dead_letter.id)
                    if letter is None:
                        continue
                    if not await self._may_go_on(job):
                        return False
                    await self._move(job, letter, one)
                    await self._dealt_with_one()
        return True

    async def _move(self, job: Job, letter: JobDeadLetter, held: HeldDeadLetter) -> None:
        if letter.marked_at is None:
            if job.kind == "replay":
                await held.send_again(job.id)
            noted = self._stores.trail.step(self._entry(job, letter))
            await self._jobs.mark(job.id, letter.letter_id, also=noted)
        await held.remove()

    def _entry(self, job: Job, letter: JobDeadLetter) -> Entry:
        return Entry(
            event=f"dead.{job.kind}",
            outcome="completed",
            code=letter.cause,
            actor=self._actor(job),
            correlation_id=letter.correlation_id or letter.message_id,
            facts={
                "job": job.id,
                "reason": job.reason or "",
                "letter": letter.letter_id,
                "message_id": letter.message_id,
                "pipeline": letter.pipeline,
            },
        )


def _frozen(found: FoundDeadLetter) -> JobDeadLetter:
    """What a job remembers of a dead letter: no body."""
    letter = found.dead_letter
    return JobDeadLetter(
        letter.id, found.pipeline, letter.reason, letter.message.id, letter.message.correlation_id
    )
