"""``bridge dead replay`` and ``bridge dead discard``: jobs over a frozen set of dead letters.

Nothing moves on one command: a plan is shown, somebody confirms it with a reason, and then it runs.
"""

import asyncio
from dataclasses import asdict

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bridge.cli.exits import Exit
from bridge.cli.site import (
    load_settings,
    open_books,
    open_queues,
    operator,
    os_user,
    print_json,
)
from bridge.ledger.storage.dead_letter_jobs import Job, Kind
from bridge.operations import dead_letter_jobs
from bridge.operations.dead_letter_jobs import Found
from bridge.settings import Settings

_PROMISE = {
    "replay": "sent again to their own queue and removed from the dead letters",
    "discard": "removed for good; `bridge dead export` keeps a copy",
}
_SAMPLE = 5


def plan(kind: Kind, pipelines: list[str], reason: str | None, limit: int | None, *, as_json: bool) -> None:
    """Freeze the letters that are there now as a job, and show a sample."""
    job, found = asyncio.run(_plan(load_settings(), kind, pipelines, reason, limit))
    sample = [_sample(one) for one in found[:_SAMPLE]]
    if as_json:
        print_json(asdict(job) | {"sample": sample})
        return
    table = Table("id", "pipeline", "reason", "detail", "dead since", "message", show_edge=False)
    for line in sample:
        table.add_row(*map(str, line.values()))
    typer.echo(f"job {job.id}: {job.total} letters to {kind}; the oldest:")
    Console().print(table)
    typer.echo(f"Next: bridge dead {kind} confirm {job.id} --actor NAME --reason TEXT")


def confirm(kind: Kind, job_id: str, actor: str | None, reason: str) -> None:
    """Let a planned job run."""
    if not reason.strip():
        raise typer.BadParameter("must say why", param_hint="--reason")
    job = asyncio.run(_confirm(load_settings(), kind, job_id, actor, reason))
    typer.echo(f"job {job.id}: {job.total} letters are to be {_PROMISE[kind]}")
    typer.echo(f"Next: bridge dead {kind} run {job.id}")


def run(kind: Kind, job_id: str, rate: float) -> None:
    """Deal with the letters of a confirmed job."""
    job = asyncio.run(_work(load_settings(), kind, job_id, rate))
    _say(job)
    raise typer.Exit(Exit.OK if job.state == "done" else Exit.NO)


def pause(kind: Kind, job_id: str) -> None:
    """Let the run end after the letter at hand."""
    _say(asyncio.run(_pause(load_settings(), kind, job_id)))


def stop(kind: Kind, job_id: str) -> None:
    """End a job for good."""
    _say(asyncio.run(_stop(load_settings(), kind, job_id)))


def jobs(kind: Kind, *, as_json: bool) -> None:
    """List the jobs, newest first."""
    known = asyncio.run(_jobs(load_settings(), kind))
    if as_json:
        print_json([asdict(job) for job in known])
        return
    table = Table("job", "state", "done", "planned", "by", "confirmed by", "reason", show_edge=False)
    for job in known:
        told = f"{job.actor} ({job.confirmed_by})" if job.actor else ""
        done, planned = f"{job.marked}/{job.total}", f"{job.planned_at:%Y-%m-%d %H:%M}"
        table.add_row(job.id, job.state, done, planned, job.planned_by, told, job.reason or "")
    Console().print(table if known else "There are no jobs.")


async def _plan(
    settings: Settings, kind: Kind, pipelines: list[str], reason: str | None, limit: int | None
) -> tuple[Job, list[Found]]:
    async with open_books(settings) as books, open_queues(settings, pipelines) as (bus, queues):
        job, found = await dead_letter_jobs.plan(
            bus, books.jobs, kind, queues, reason=reason, limit=limit, by=os_user()
        )
        return job, list(found)


async def _confirm(settings: Settings, kind: Kind, job_id: str, actor: str | None, reason: str) -> Job:
    async with open_books(settings) as books:
        return await dead_letter_jobs.confirm(
            books.jobs, books.trail, job_id, kind, actor=operator(settings, actor), reason=reason
        )


async def _work(settings: Settings, kind: Kind, job_id: str, rate: float) -> Job:
    async with open_books(settings) as books:
        job = await books.jobs.job(job_id, kind)
        pipelines = sorted({letter.pipeline for letter in (await books.jobs.letters(job_id)).values()})
        async with open_queues(settings, pipelines) as (bus, queues):
            with Progress(console=Console(stderr=True)) as progress:
                bar = progress.add_task(kind, total=job.total, completed=job.marked)
                run = dead_letter_jobs.Run(
                    bus,
                    books.jobs,
                    books.trail,
                    actor=operator(settings, job.actor, user=job.confirmed_by),
                    queues=queues,
                    rate=rate,
                    progress=lambda count: progress.advance(bar, count),
                )
                return await run(job_id, kind)


async def _pause(settings: Settings, kind: Kind, job_id: str) -> Job:
    async with open_books(settings) as books:
        return await books.jobs.pause(job_id, kind)


async def _stop(settings: Settings, kind: Kind, job_id: str) -> Job:
    async with open_books(settings) as books:
        return await books.jobs.stop(job_id, kind)


async def _jobs(settings: Settings, kind: Kind) -> list[Job]:
    async with open_books(settings) as books:
        return await books.jobs.all(kind)


def _sample(found: Found) -> dict[str, str]:
    letter = found.letter
    return {
        "id": letter.id,
        "pipeline": found.pipeline,
        "reason": letter.reason,
        "detail": letter.detail,
        "dead_at": letter.dead_at.isoformat() if letter.dead_at else "",
        "message_id": letter.message.id,
    }


def _say(job: Job) -> None:
    left = job.total - job.marked
    typer.echo(f"job {job.id}: {job.state}, {job.marked} of {job.total} letters dealt with")
    if job.state == "paused" and left:
        typer.echo(
            f"{left} are left: `run` goes on; those that somebody else took away stay (`stop` ends it)"
        )
