"""``bridge dead``: what could not be handled, why, and what is to become of it."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.commands import dead_jobs
from bridge.cli.commands.options import ActorOption, JsonOption, PipelineOption

app = typer.Typer(name="dead", help="Look at dead letters, send them again, or discard them.")
app.add_typer(dead_jobs.commands("replay"))
app.add_typer(dead_jobs.commands("discard"))

_BodyOption = Annotated[
    bool, typer.Option("--body", help="The body too: patient data. Noted in the audit trail.")
]


@app.command("list")
def list_(pipelines: PipelineOption = None, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """Count the dead letters by cause: pipeline, reason and detail. Changes nothing."""
    from bridge.cli import dead

    dead.list_(pipelines or [], as_json=as_json)


@app.command("show")
def show(
    letter_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `dead replay plan` and `export` name it.")
    ],
    body: _BodyOption = False,  # noqa: FBT002
    actor: ActorOption = None,
    pipelines: PipelineOption = None,
) -> None:
    """Print one dead letter as JSON: why it is dead and its headers. Exit code 1 when it is not there."""
    from bridge.cli import dead

    dead.show(letter_id, actor, pipelines or [], with_body=body)


@app.command("export")
def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Made when missing; existing files are replaced.")
    ],
    reason: Annotated[str | None, typer.Option(help="Only those that are dead for this reason.")] = None,
    actor: ActorOption = None,
    pipelines: PipelineOption = None,
) -> None:
    """Copy dead letters to files: ID.body, which is patient data, and ID.json. They stay.

    Files are readable by their owner only. The export is noted in the audit trail.
    """
    from bridge.cli import dead

    dead.export(directory, reason, actor, pipelines or [])
