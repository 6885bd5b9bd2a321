"""Replays: failed requests asked again by a job: planned, confirmed with a reason, run, paused, stopped."""

from typing import Final, Literal

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.page import ConsolePage
from bridge.console.pages.periods import LONGEST, look_back
from bridge.console.rights import Right
from bridge.operations import replay_jobs
from bridge.operations.errors import OperationRefused
from bridge.operations.lost_messages import give_up_lost

_RATE: Final = 5.0
"""Requests a second."""
_SAMPLE: Final = 20


async def _show(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        jobs = list(await replay_jobs.jobs(stores))[:50]
    return asked.page("replay_jobs.html", jobs=jobs)


async def _plan(asked: PageRequest) -> Response:
    group, request = asked.field("group"), asked.field("key")
    if bool(group) == bool(request):
        raise OperationRefused("one group of failures, or one request, is planned at a time")
    # The very ones that the page counted: those that ended in its period.
    period = look_back(asked.field("hours"), LONGEST) if asked.field("hours") else None
    selection = replay_jobs.Selection(
        requests=[request] if request else None,
        group=group or None,
        ended_since=period.since if period else None,
        include_expired=asked.field("expired") == "yes",
    )
    async with asked.site.stores() as stores:
        plan = await replay_jobs.plan(stores, selection, actor=asked.actor)
    left = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in plan.left_out.items())
    told = [f"Of those that ended in {period.words}."] if period else []
    if left:
        told.append(f"Left out: {left}.")
    return asked.to("/replays/job", told=" ".join(told) or None, id=plan.job.id)


async def _job(asked: PageRequest) -> Response:
    job_id = asked.filter("id") or ""
    async with asked.site.stores() as stores:
        progress = await replay_jobs.show(stores, job_id)
        frozen = list((await stores.replay_jobs.items(job_id)).values())[:_SAMPLE]
    return asked.page("replay_job.html", job=progress.job, ends=progress.ends, frozen=frozen)


async def _confirm(asked: PageRequest) -> Response:
    job_id = asked.field("id")
    async with asked.site.stores() as stores:
        await replay_jobs.confirm(stores, job_id, actor=asked.actor, reason=asked.field("reason"))
    return await _run(asked)


async def _run(asked: PageRequest) -> Response:
    job_id = asked.field("id")
    async with asked.site.stores() as stores:
        await stores.replay_jobs.job(job_id, "replay")
        asked.runs.begin(replay_jobs.run(stores, job_id, rate=_RATE, progress=_nobody))
    return asked.to("/replays/job", told="It runs.", id=job_id)


async def _pause(asked: PageRequest) -> Response:
    return await _end(asked, "pause", "It pauses after the request at hand.")


async def _stop(asked: PageRequest) -> Response:
    return await _end(asked, "stop", "It is stopped: what was asked again goes on, the rest stays failed.")


async def _end(asked: PageRequest, how: Literal["pause", "stop"], told: str) -> Response:
    job_id = asked.field("id")
    async with asked.site.stores() as stores:
        await replay_jobs.end(stores, job_id, how=how, actor=asked.actor)
    return asked.to("/replays/job", told=told, id=job_id)


async def _lost(asked: PageRequest) -> Response:
    job_id = asked.field("id")
    if asked.field("sure") != "yes":
        raise OperationRefused("say that what was sent is on no queue any more")
    async with asked.site.stores() as stores, asked.site.queues() as queues:
        count = await give_up_lost(stores, queues, job_id, actor=asked.actor, reason=asked.field("reason"))
    told = f"Given up as lost: {count}. They can be planned again."
    return asked.to("/replays/job", told=told, id=job_id)


def _nobody(_count: int) -> None:
    """How far a job is stands in the ledger."""


PAGES = (
    ConsolePage("/replays", Right.SEE_REQUESTS, _show, title="Replays"),
    ConsolePage("/replays/job", Right.SEE_REQUESTS, _job),
    ConsolePage("/replays/plan", Right.REPLAY, _plan, "POST"),
    ConsolePage("/replays/confirm", Right.REPLAY, _confirm, "POST"),
    ConsolePage("/replays/run", Right.REPLAY, _run, "POST"),
    ConsolePage("/replays/pause", Right.REPLAY, _pause, "POST"),
    ConsolePage("/replays/stop", Right.REPLAY, _stop, "POST"),
    ConsolePage("/replays/lost", Right.REPLAY, _lost, "POST"),
)
