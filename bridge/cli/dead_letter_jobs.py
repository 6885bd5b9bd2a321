"""``bridge dead replay`` and ``bridge dead discard``: jobs over a frozen set of dead letters.

Nothing moves on one command: a plan is shown, somebody confirms it with a reason, and then it runs.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.jobs import end_with, list_jobs, progress_of, say
from bridge.cli.terminal import (
    load_settings,
    operator,
    print_json,
    with_stores,
    with_stores_and_queues,
)
from bridge.operations import dead_letter_jobs
from bridge.operations.dead_letter_jobs import Job, JobKind
from bridge.operations.dead_letters import FoundDeadLetter
from bridge.operations.site import Queues, Stores

_PROMISE = {
    "replay": "sent again to their own queue and removed from the dead letters",
    "discard": "removed for good; `bridge dead export` keeps a copy",
}
_WHAT = "dead letters"
_LEFT = "those that somebody else took away stay (`stop` ends it)"
_SAMPLE = 5


def plan(
    kind: JobKind, pipelines: list[str], reason: str | None, limit: int | None, *, as_json: bool
) -> None:
    """Freeze the dead letters that are there now as a job, and show a sample."""
    settings = load_settings()
    who = operator(settings, None)

    async def frozen(stores: Stores, queues: Queues) -> tuple[Job, Sequence[FoundDeadLetter]]:
        return await dead_letter_jobs.plan(stores, queues, kind, reason=reason, limit=limit, actor=who)

    job, found = with_stores_and_queues(settings, pipelines, frozen)
    sample = [_sample(one) for one in found[:_SAMPLE]]
    if as_json:
        print_json(asdict(job) | {"sample": sample})
        return
    table = Table("id", "pipeline", "reason", "detail", "dead since", "message", show_edge=False)
    for line in sample:
        table.add_row(*map(str, line.values()))
    typer.echo(f"job {job.id}: {job.total} dead letters to {kind}; the oldest:")
    Console().print(table)
    typer.echo(f"Next: bridge dead {kind} confirm {job.id} --actor NAME --reason TEXT")


def confirm(kind: JobKind, job_id: str, actor: str | None, reason: str) -> None:
    """Let a planned job run."""
    settings = load_settings()
    who = operator(settings, actor)
    job = with_stores(
        settings, lambda stores: dead_letter_jobs.confirm(stores, job_id, kind, actor=who, reason=reason)
    )
    typer.echo(f"job {job.id}: {job.total} dead letters are to be {_PROMISE[kind]}")
    typer.echo(f"Next: bridge dead {kind} run {job.id}")


def run(kind: JobKind, job_id: str, rate: float) -> None:
    """Deal with the dead letters of a confirmed job."""

    async def watched(stores: Stores) -> Job:
        job = await stores.dead_letter_jobs.job(job_id, kind)
        with progress_of(job) as progress:
            return await dead_letter_jobs.run(stores, job, rate=rate, progress=progress)

    end_with(with_stores(load_settings(), watched), _WHAT, _LEFT)


def pause(kind: JobKind, job_id: str) -> None:
    """Let the run end after the dead letter at hand."""
    _end(kind, job_id, "pause")


def stop(kind: JobKind, job_id: str) -> None:
    """End a job for good."""
    _end(kind, job_id, "stop")


def jobs(kind: JobKind, *, as_json: bool) -> None:
    """List the jobs, newest first."""
    list_jobs(with_stores(load_settings(), lambda stores: stores.dead_letter_jobs.all(kind)), as_json=as_json)


def _end(kind: JobKind, job_id: str, how: Literal["pause", "stop"]) -> None:
    settings = load_settings()
    who = operator(settings, None)
    job = with_stores(settings, lambda stores: dead_letter_jobs.end(stores, job_id, kind, how=how, actor=who))
    say(job, _WHAT, _LEFT)


def _sample(found: FoundDeadLetter) -> dict[str, str]:
    facts = found.facts
    return {
        "id": facts.id,
        "pipeline": facts.pipeline,
        "reason": facts.reason,
        "detail": facts.detail,
        "dead_at": facts.dead_at.isoformat() if facts.dead_at else "",
        "message_id": facts.message_id,
    }
