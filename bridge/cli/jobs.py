"""What commands for jobs print, whatever the jobs are over: how far one is, and which there are."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.exits import Exit
from bridge.cli.progress import progress_bar
from bridge.cli.terminal import print_json
from bridge.operations.jobs import Job


@contextmanager
def progress_of(job: Job) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal for the run of a job; gives what is to be told after each how many it was."""
    marked = job.marked
    with progress_bar(job.kind, total=job.total, done=marked) as progress:

        def more(count: int) -> None:
            nonlocal marked
            marked += count
            progress(marked, job.total)

        yield more


def say(job: Job, what: str, of_those_left: str = "") -> None:
    """How far a job is.

    Args:
        job: as it stands.
        what: it is over.
        of_those_left: what else is so of those that a paused job has left.
    """
    typer.echo(f"job {job.id}: {job.state}, {job.marked} of {job.total} {what} dealt with")
    if job.state == "paused" and job.left:
        typer.echo("; ".join(part for part in (f"{job.left} are left: `run` goes on", of_those_left) if part))


def end_with(job: Job, what: str, of_those_left: str = "") -> NoReturn:
    """The end of a run: how far it came, and the exit code that says so. See `say`."""
    say(job, what, of_those_left)
    raise typer.Exit(Exit.OK if job.state == "done" else Exit.NO)


def list_jobs(known: Sequence[Job], *, as_json: bool) -> None:
    """Jobs as they stand."""
    if as_json:
        print_json([asdict(job) for job in known])
        return
    table = Table("job", "state", "done", "planned", "by", "confirmed by", "reason", show_edge=False)
    for job in known:
        told = f"{job.actor} ({job.confirmed_by})" if job.actor else ""
        done, planned = f"{job.marked}/{job.total}", f"{job.planned_at:%Y-%m-%d %H:%M}"
        table.add_row(job.id, job.state, done, planned, job.planned_by, told, job.reason or "")
    Console().print(table if known else "There are no jobs.")
