"""Dead letters: by cause, and the jobs that send them again or discard them.

Nothing has vouched for what a dead letter says beside its body: the ids of its sender are shown as they go
into the log, hashed where they may hold an NHS number (JO-033).
"""

from dataclasses import replace
from typing import Final, Literal

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.body_page import data_page
from bridge.console.page import ConsolePage
from bridge.console.rights import Right
from bridge.contracts.envelope import opaque_id
from bridge.operations import bodies, dead_letter_jobs
from bridge.operations.dead_letter_jobs import Job, JobKind
from bridge.operations.dead_letters import MOST_LOOKED_AT, by_cause, find
from bridge.operations.errors import OperationRefused
from bridge.operations.site import Queues, Stores

_RATE: Final = 10.0
"""Dead letters a second."""
_SAMPLE: Final = 20
_KINDS: Final[tuple[JobKind, ...]] = ("replay", "discard")


async def _show(asked: PageRequest) -> Response:
    jobs = await asked.site.of_ledger(_jobs)
    return asked.page(
        "dead_letters.html", causes=await asked.site.of_bus(by_cause), jobs=jobs, most=MOST_LOOKED_AT
    )


async def _jobs(stores: Stores) -> list[Job]:
    jobs = [job for kind in _KINDS for job in await stores.dead_letter_jobs.all(kind)]
    return sorted(jobs, key=lambda job: job.planned_at, reverse=True)[:50]


async def _plan(asked: PageRequest) -> Response:
    kind, pipeline = _kind(asked.field("kind")), asked.field("pipeline")
    async with asked.site.stores() as stores, asked.site.queues() as queues:
        if pipeline not in queues.by_pipeline:
            raise OperationRefused("there is no such pipeline")
        of_pipeline = Queues(queues.bus, {pipeline: queues.by_pipeline[pipeline]})
        job, _ = await dead_letter_jobs.plan(
            stores,
            of_pipeline,
            kind,
            reason=asked.field("reason") or None,
            limit=None,
            actor=asked.actor,
        )
    return asked.to("/dead-letters/job", id=job.id, kind=kind)


async def _job(asked: PageRequest) -> Response:
    job_id, kind = asked.filter("id") or "", _kind(asked.filter("kind") or "")
    async with asked.site.stores() as stores:
        job = await stores.dead_letter_jobs.job(job_id, kind)
        letters = list((await stores.dead_letter_jobs.items(job_id)).values())[:_SAMPLE]
    shown = [replace(letter, message_id=opaque_id(letter.message_id)) for letter in letters]
    return asked.page("dead_letter_job.html", job=job, letters=shown)


async def _letter(asked: PageRequest) -> Response:
    async with asked.site.queues() as queues:
        found = await find(queues, asked.filter("id") or "")
    if found is None:
        raise OperationRefused("there is no such dead letter, or somebody else is looking at it")
    facts = found.facts
    shown = replace(
        facts,
        key=opaque_id(facts.key),
        message_id=opaque_id(facts.message_id),
        correlation_id=facts.correlation_id and opaque_id(facts.correlation_id),
    )
    return asked.page("dead_letter.html", letter=shown)


async def _body(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores, asked.site.queues() as queues:
        found = await find(queues, asked.field("id"))
        if found is None:
            raise OperationRefused("there is no such dead letter, or somebody else is looking at it")
        body = await bodies.opened_dead_letter(stores, found, actor=asked.actor, reason=asked.field("reason"))
    return data_page(asked, "Dead letter", [(opaque_id(found.facts.key), body)])


async def _confirm(asked: PageRequest) -> Response:
    job_id, kind = asked.field("id"), _kind(asked.field("kind"))
    async with asked.site.stores() as stores:
        job = await dead_letter_jobs.confirm(
            stores, job_id, kind, actor=asked.actor, reason=asked.field("reason")
        )
        asked.runs.begin(dead_letter_jobs.run(stores, job, rate=_RATE, progress=_nobody))
    return asked.to("/dead-letters/job", told="It runs.", id=job_id, kind=kind)


async def _run(asked: PageRequest) -> Response:
    job_id, kind = asked.field("id"), _kind(asked.field("kind"))
    async with asked.site.stores() as stores:
        job = await stores.dead_letter_jobs.job(job_id, kind)
        asked.runs.begin(dead_letter_jobs.run(stores, job, rate=_RATE, progress=_nobody))
    return asked.to("/dead-letters/job", told="It runs.", id=job_id, kind=kind)


async def _pause(asked: PageRequest) -> Response:
    return await _end(asked, "pause", "It pauses after the dead letter at hand.")


async def _stop(asked: PageRequest) -> Response:
    return await _end(asked, "stop", "It is stopped; what was not dealt with stays among the dead letters.")


async def _end(asked: PageRequest, how: Literal["pause", "stop"], told: str) -> Response:
    job_id, kind = asked.field("id"), _kind(asked.field("kind"))
    async with asked.site.stores() as stores:
        await dead_letter_jobs.end(stores, job_id, kind, how=how, actor=asked.actor)
    return asked.to("/dead-letters/job", told=told, id=job_id, kind=kind)


def _kind(text: str) -> JobKind:
    found = next((kind for kind in _KINDS if kind == text), None)
    if found is None:
        raise OperationRefused("dead letters are sent again (replay) or discarded, nothing else")
    return found


def _nobody(_count: int) -> None:
    """How far a job is stands in the ledger."""


PAGES = (
    ConsolePage("/dead-letters", Right.SEE_REQUESTS, _show, title="Dead letters"),
    ConsolePage("/dead-letters/job", Right.SEE_REQUESTS, _job),
    ConsolePage("/dead-letters/letter", Right.SEE_REQUESTS, _letter),
    ConsolePage("/dead-letters/body", Right.OPEN_BODIES, _body, "POST"),
    ConsolePage("/dead-letters/plan", Right.REPLAY, _plan, "POST"),
    ConsolePage("/dead-letters/confirm", Right.REPLAY, _confirm, "POST"),
    ConsolePage("/dead-letters/run", Right.REPLAY, _run, "POST"),
    ConsolePage("/dead-letters/pause", Right.REPLAY, _pause, "POST"),
    ConsolePage("/dead-letters/stop", Right.REPLAY, _stop, "POST"),
)
