"""``bridge replay``: jobs that ask failed requests again.

Nothing is asked on one command: a plan is shown, somebody confirms it with a reason, and then it runs.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.jobs import end_with, list_jobs, progress_of, say
from bridge.cli.tables import titled
from bridge.cli.terminal import load_settings, operator, print_json, with_stores, with_stores_and_queues
from bridge.operations import replay_jobs
from bridge.operations.lost_messages import give_up_lost
from bridge.operations.replay_jobs import WHY_LEFT_OUT, Job, ReplayPlan, Selection
from bridge.operations.site import Stores

_WHAT = "requests"
_OF_ALL_TIME = " (of all time: --since leaves out older ones)"


def plan(selection: Selection, *, as_json: bool) -> None:
    """Freeze failed requests as a job, and show what is in it."""
    settings = load_settings()
    who = operator(settings, None)
    planned = with_stores(settings, lambda stores: replay_jobs.plan(stores, selection, actor=who))
    if as_json:
        print_json(asdict(planned) | asdict(planned.job))
        return
    job = planned.job
    typer.echo(f"job {job.id}: {job.total} failed requests to ask again")
    received = f"received from {planned.oldest:%Y-%m-%d %H:%M} to {planned.newest:%Y-%m-%d %H:%M} UTC"
    typer.echo(received + (_OF_ALL_TIME if planned.is_of_all_time else ""))
    _print_plan(planned)
    if not planned.kept_days:
        typer.echo("BRIDGE_LEDGER_KEEP_FAILED_MESSAGES_DAYS is 0: of what fails from now on nothing is kept")
    typer.echo(f"Next: bridge replay confirm {job.id} --actor NAME --reason TEXT")


def confirm(job_id: str, actor: str | None, reason: str) -> None:
    """Let a planned job run."""
    settings = load_settings()
    who = operator(settings, actor)
    job = with_stores(settings, lambda stores: replay_jobs.confirm(stores, job_id, actor=who, reason=reason))
    typer.echo(f"job {job.id}: {job.total} requests are to be asked again, each under a new id")
    typer.echo(f"Next: bridge replay run {job.id}")


def run(job_id: str, rate: float) -> None:
    """Ask again for the requests of a confirmed job."""

    async def watched(stores: Stores) -> Job:
        job = (await replay_jobs.show(stores, job_id)).job
        with progress_of(job) as progress:
            return await replay_jobs.run(stores, job_id, rate=rate, progress=progress)

    end_with(with_stores(load_settings(), watched), _WHAT)


def pause(job_id: str) -> None:
    """Let the run end after the request at hand."""
    _end(job_id, "pause")


def stop(job_id: str) -> None:
    """End a job for good."""
    _end(job_id, "stop")


def lost(job_id: str, actor: str | None, reason: str) -> None:
    """Give up what a job has sent and no queue holds."""
    settings = load_settings()
    who = operator(settings, actor)
    given_up = with_stores_and_queues(
        settings,
        [],
        lambda stores, queues: give_up_lost(stores, queues, job_id, actor=who, reason=reason),
    )
    typer.echo(f"job {job_id}: {given_up} requests are given up as lost; they can be planned again")


def show(job_id: str, *, as_json: bool) -> None:
    """How far a job is, and what came of what it asked again."""
    found = with_stores(load_settings(), lambda stores: replay_jobs.show(stores, job_id))
    if as_json:
        print_json(asdict(found.job) | {"ends": dict(found.ends)})
        return
    say(found.job, _WHAT)
    _print_counts("What became of them", found.ends)


def list_(*, as_json: bool) -> None:
    """List the jobs, newest first."""
    list_jobs(with_stores(load_settings(), replay_jobs.jobs), as_json=as_json)


def _end(job_id: str, how: Literal["pause", "stop"]) -> None:
    settings = load_settings()
    who = operator(settings, None)
    say(with_stores(settings, lambda stores: replay_jobs.end(stores, job_id, how=how, actor=who)), _WHAT)


def _print_plan(planned: ReplayPlan) -> None:
    headings = ("count", "group", "pipeline", "code", "stage", "upstream", "detail")
    causes = titled("Why they failed", headings, whole=("group", "code"))
    for one in planned.causes:
        why = one.cause
        told = (why.pipeline, why.code, why.stage, why.upstream, why.detail)
        causes.add_row(str(one.count), one.group, *(text or "" for text in told))
    Console().print(causes)
    _print_counts("Left out", {str(reason): count for reason, count in planned.left_out.items()})
    oldest = titled("The oldest", ("received", "request", "practice", "code"), whole=("received",))
    for request in planned.sample:
        received = f"{request.received_at:%Y-%m-%d %H:%M}"
        oldest.add_row(received, request.request_key, request.practice_ods or "", request.code or "")
    Console().print(oldest)


def _print_counts(title: str, counts: Mapping[str, int]) -> None:
    if not counts:
        return
    table: Table = titled(title, ("count", "what"))
    why: Mapping[str, str] = {str(reason): text for reason, text in WHY_LEFT_OUT.items()}
    for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        table.add_row(str(count), f"{name}: {why[name]}" if name in why else name.replace("_", " "))
    Console().print(table)
