"""``bridge replay``: asks failed requests again, as a job: plan, confirm, run."""

from typing import Annotated

import typer

from bridge.cli.commands.options import (
    ActorOption,
    JobArgument,
    JsonOption,
    PipelineOption,
    TookOption,
    WhyOption,
    seconds,
)

app = typer.Typer(name="replay", help="Ask failed requests again, as a job: plan, confirm, run. Reads only.")


@app.command()
def plan(  # noqa: PLR0913 - an option each
    *,
    requests: Annotated[
        list[str] | None,
        typer.Option("--request", help="This request alone, by its id or key; may be repeated."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Only those of this cause, by its id in `bridge failures`.")
    ] = None,
    pipelines: PipelineOption = None,
    code: Annotated[str | None, typer.Option(help="Only those that failed for this code.")] = None,
    practice: Annotated[str | None, typer.Option(help="Only those that asked this practice (ODS).")] = None,
    since: Annotated[
        str | None, typer.Option(help="Received at this day or moment (ISO 8601, UTC) or later.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Received before this day or moment.")] = None,
    took: TookOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, oldest first.")] = None,
    include_expired: Annotated[
        bool,
        typer.Option(
            "--include-expired",
            help="Those too whose expiry has passed: each gets as long again as its sender gave it.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Freeze the failed requests that can be asked again as a job; show how many, why, and a sample.

    Asks nothing yet. Bookings and other changes are never asked again, nor is what was asked again already
    and completed or has not ended; those are counted, with the reason.
    """
    from bridge.cli import replay
    from bridge.cli.terminal import moment
    from bridge.operations.replay_jobs import Selection

    selection = Selection(
        requests=requests or None,
        group=group,
        pipelines=pipelines or None,
        code=code,
        practice_ods=practice,
        since=moment(since, "--since"),
        until=moment(until, "--until"),
        took_s=seconds(took),
        limit=limit,
        include_expired=include_expired,
    )
    replay.plan(selection, as_json=as_json)


@app.command()
def confirm(job_id: JobArgument, reason: WhyOption, actor: ActorOption = None) -> None:
    """Let a planned job run. Writes down who decided it, and why. Asks nothing yet."""
    from bridge.cli import replay

    replay.confirm(job_id, actor, reason)


@app.command()
def run(
    job_id: JobArgument,
    rate: Annotated[float, typer.Option(min=0.01, help="Requests a second, at most.")] = 5.0,
) -> None:
    """Ask again for the requests of a confirmed job, one by one; goes on where an earlier run ended.

    Each is put on the bus under a new id, with the old one as `replayof`; its events tell what came of it.
    Exit code 1 when some are left: it was paused or stopped.
    """
    from bridge.cli import replay

    replay.run(job_id, rate)


@app.command()
def pause(job_id: JobArgument) -> None:
    """Let the run end after the request at hand; `run` goes on."""
    from bridge.cli import replay

    replay.pause(job_id)


@app.command()
def stop(job_id: JobArgument) -> None:
    """End a job for good; what it has asked again goes on."""
    from bridge.cli import replay

    replay.stop(job_id)


@app.command()
def lost(job_id: JobArgument, reason: WhyOption, actor: ActorOption = None) -> None:
    """Give up what a job has sent and what is on no queue any more, such as one that was purged.

    Refused while a queue of its pipelines holds anything. What is given up can be planned again; a message
    that turns up after all is answered, as it is a read. Writes down who decided it, and why.
    """
    from bridge.cli import replay

    replay.lost(job_id, actor, reason)


@app.command()
def show(job_id: JobArgument, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """Tell how far a job is, and what came of the requests that it asked again. Changes nothing."""
    from bridge.cli import replay

    replay.show(job_id, as_json=as_json)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:  # noqa: FBT002
    """List the jobs, newest first: how far they are, who confirmed them, and why."""
    from bridge.cli import replay

    replay.list_(as_json=as_json)
