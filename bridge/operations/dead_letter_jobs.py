"""Dead letters as an operator deals with them: looked through, and sent again or discarded by a job.

A replayed message is a request like any other: one whose id the ledger knows as ended publishes what it still
owes and is called for no second time. A request that was rejected is corrected by its sender and sent anew,
under an id of its own.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final, Self
from uuid import uuid4

import structlog

from bridge.bus.port import Bus, DeadLetter, HeldDeadLetter, QueueSpec
from bridge.ledger.audit.trail import Actor, AuditTrail, Entry
from bridge.ledger.storage.dead_letter_jobs import Job, JobLetter, Jobs, Kind

log = structlog.get_logger()

MOST_LOOKED_AT: Final = 10_000
"""Letters of one queue that are fetched at one look: RabbitMQ holds them for us meanwhile."""

Queues = Mapping[str, QueueSpec]
"""By name of the pipeline."""


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter and the pipeline whose request it is."""

    pipeline: str
    letter: DeadLetter

    def without_body(self) -> Self:
        """The same, light enough to keep many of."""
        return replace(self, letter=replace(self.letter, message=replace(self.letter.message, body=b"")))

    def frozen(self) -> JobLetter:
        """What a job remembers of it: no body."""
        message = self.letter.message
        return JobLetter(
            self.letter.id, self.pipeline, self.letter.reason, message.id, message.correlation_id
        )


async def dead_letters(
    bus: Bus, queues: Queues, *, most: int = MOST_LOOKED_AT
) -> AsyncGenerator[Found, None]:
    """The dead letters of these pipelines, at most `most` of each; all stay where they are."""
    for pipeline, queue in queues.items():
        seen = 0
        async with bus.letters(queue) as parked:
            async for one in parked:
                yield Found(pipeline, one.letter)
                seen += 1
                if seen >= most:
                    break


async def find(bus: Bus, queues: Queues, letter_id: str) -> Found | None:
    """The dead letter with this id; None when it is not there, or somebody else holds it at the moment."""
    async with aclosing(dead_letters(bus, queues)) as found:
        async for one in found:
            if one.letter.id == letter_id:
                return one
    return None


async def plan(
    bus: Bus, jobs: Jobs, kind: Kind, queues: Queues, *, reason: str | None, limit: int | None, by: str
) -> tuple[Job, Sequence[Found]]:
    """Freeze the dead letters that are there now as a job; the job, and its letters without their bodies.

    Args:
        bus: started, with the queues declared.
        jobs: of the ledger.
        kind: what is to be done with them.
        queues: the pipelines to take letters of.
        reason: only letters that are dead for it.
        limit: at most so many, the oldest of each pipeline first.
        by: who plans.

    Raises:
        JobRefused: no letter is left.
    """
    chosen: list[Found] = []
    async with aclosing(dead_letters(bus, queues)) as found:
        async for one in found:
            if reason in (None, one.letter.reason):
                chosen.append(one.without_body())
            if len(chosen) == limit:
                break
    job = await jobs.plan(kind, [one.frozen() for one in chosen], by=by)
    frozen = await jobs.letters(job.id)
    return job, [one for one in chosen if one.letter.id in frozen]


async def confirm(
    jobs: Jobs, trail: AuditTrail, job_id: str, kind: Kind, *, actor: Actor, reason: str
) -> Job:
    """Let a planned job run; who and why goes to the audit trail.

    Raises:
        JobRefused: it is not planned any more.
    """
    entry = Entry(
        event=f"dead.{kind}.confirmed",
        outcome="completed",
        actor=actor,
        facts={"job": job_id, "reason": reason},
    )
    return await jobs.confirm(
        job_id, kind, by=actor.user_id, actor=actor.name, reason=reason, also=trail.step(entry)
    )


class Run:
    """One process's run of a confirmed job.

    Args:
        bus: started, with the queues declared.
        jobs: of the ledger.
        trail: gets an entry for every letter.
        actor: who confirmed the job.
        queues: every pipeline of the job.
        rate: letters a second, at most.
        progress: told after each letter how many it was.
    """

    def __init__(
        self,
        bus: Bus,
        jobs: Jobs,
        trail: AuditTrail,
        *,
        actor: Actor,
        queues: Queues,
        rate: float,
        progress: Callable[[int], None],
    ) -> None:
        self._bus = bus
        self._jobs = jobs
        self._trail = trail
        self._actor = actor
        self._queues = queues
        self._pause = 1 / rate
        self._progress = progress
        self._runner = uuid4().hex

    async def __call__(self, job_id: str, kind: Kind) -> Job:
        """Deal with every letter of the job that is found; the job as it stands then.

        It is ``paused`` when letters were not found: another look held them, or somebody took them.

        Raises:
            JobRefused: it is not confirmed, has ended, or another process runs it.
        """
        job = await self._jobs.start(job_id, kind, runner=self._runner)
        complete = False
        try:
            complete = await self._deal_with(job)
        finally:
            ended = await self._jobs.release(job_id, runner=self._runner, complete=complete)
            log.info("letter_job_left", job=job_id, state=ended.state, total=ended.total, marked=ended.marked)
        return ended

    async def _deal_with(self, job: Job) -> bool:
        wanted = dict(await self._jobs.letters(job.id))
        for pipeline in dict.fromkeys(letter.pipeline for letter in wanted.values()):
            async with self._bus.letters(self._queues[pipeline]) as parked:
                async for one in parked:
                    letter = wanted.get(one.letter.id)
                    if letter is None:
                        continue
                    if not await self._jobs.hold(job.id, runner=self._runner):
                        return False
                    await self._move(job, letter, one)
                    self._progress(1)
                    await asyncio.sleep(self._pause)
        return True

    async def _move(self, job: Job, letter: JobLetter, parked: HeldDeadLetter) -> None:
        if letter.marked_at is None:
            if job.kind == "replay":
                await parked.send_again(job.id)
            await self._jobs.mark(job.id, letter.letter_id, also=self._trail.step(self._entry(job, letter)))
        await parked.remove()

    def _entry(self, job: Job, letter: JobLetter) -> Entry:
        return Entry(
            event=f"dead.{job.kind}",
            outcome="completed",
            code=letter.cause,
            actor=self._actor,
            correlation_id=letter.correlation_id or letter.message_id,
            facts={
                "job": job.id,
                "reason": job.reason or "",
                "letter": letter.letter_id,
                "message_id": letter.message_id,
                "pipeline": letter.pipeline,
            },
        )
