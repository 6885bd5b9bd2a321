"""``bridge dead replay`` and ``bridge dead discard``: jobs over a frozen set of dead letters.

Nothing moves on one command: a plan is shown, somebody confirms it with a reason, and then it runs.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.commands.options import JobArgument, JsonOption, PipelineOption, WhyOption

if TYPE_CHECKING:
    from bridge.operations.dead_letter_jobs import JobKind

_HELP = {
    "replay": "Send dead letters again, as a job: plan, confirm, run.",
    "discard": "Throw dead letters away for good, as a job: plan, confirm, run.",
}


def commands(kind: "JobKind") -> typer.Typer:
    """The commands of one kind of job."""
    app = typer.Typer(name=kind, help=_HELP[kind])
    _add_plan(app, kind)
    _add_confirm(app, kind)
    _add_run(app, kind)
    _add_the_rest(app, kind)
    return app


def _add_plan(app: typer.Typer, kind: "JobKind") -> None:
    @app.command()
    def plan(
        pipelines: PipelineOption = None,
        reason: Annotated[str | None, typer.Option(help="Only those that are dead for this reason.")] = None,
        limit: Annotated[int | None, typer.Option(min=1, help="At most so many, oldest first.")] = None,
        as_json: JsonOption = False,  # noqa: FBT002
    ) -> None:
        """Freeze the dead letters that are there now as a job; show how many and a sample. Moves nothing."""
        from bridge.cli import dead_letter_jobs

        dead_letter_jobs.plan(kind, pipelines or [], reason, limit, as_json=as_json)


def _add_confirm(app: typer.Typer, kind: "JobKind") -> None:
    @app.command()
    def confirm(
        job_id: JobArgument,
        reason: WhyOption,
        actor: Annotated[
            str | None, typer.Option(help="Who decided it; else the OS user's name. Kept as the reason is.")
        ] = None,
    ) -> None:
        """Let a planned job run. Writes down who decided it, and why. Moves nothing yet."""
        from bridge.cli import dead_letter_jobs

        dead_letter_jobs.confirm(kind, job_id, actor, reason)


def _add_run(app: typer.Typer, kind: "JobKind") -> None:
    @app.command("run")
    def run_(
        job_id: JobArgument,
        rate: Annotated[float, typer.Option(min=0.01, help="Dead letters a second, at most.")] = 5.0,
    ) -> None:
        """Deal with the dead letters of a confirmed job, one by one; goes on where an earlier run ended.

        Exit code 1 when some are left: it was paused or stopped, or some were not found.
        """
        from bridge.cli import dead_letter_jobs

        dead_letter_jobs.run(kind, job_id, rate)


def _add_the_rest(app: typer.Typer, kind: "JobKind") -> None:
    @app.command()
    def pause(job_id: JobArgument) -> None:
        """Let the run end after the dead letter at hand; `run` goes on."""
        from bridge.cli import dead_letter_jobs

        dead_letter_jobs.pause(kind, job_id)

    @app.command()
    def stop(job_id: JobArgument) -> None:
        """End a job for good; what is left of it stays among the dead letters."""
        from bridge.cli import dead_letter_jobs

        dead_letter_jobs.stop(kind, job_id)

    @app.command()
    def jobs(as_json: JsonOption = False) -> None:  # noqa: FBT002
        """List the jobs, newest first: how far they are, who confirmed them, and why."""
        from bridge.cli import dead_letter_jobs

        dead_letter_jobs.jobs(kind, as_json=as_json)
