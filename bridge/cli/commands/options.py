"""Options and arguments that several commands share."""

from typing import Annotated, Literal

import typer

PipelineOption = Annotated[
    list[str] | None, typer.Option("--pipeline", help="This pipeline only; may be repeated.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ActorOption = Annotated[
    str | None, typer.Option("--actor", help="Who does this, for the audit trail; else the OS user's name.")
]
Took = Literal["5s", "10s", "30s", "60s", "300s"]
"""Thresholds of the ledger's lists; written out, because they take too long to load for a list of options."""
TookOption = Annotated[
    Took | None, typer.Option("--took", help="Those that took so long or longer, from arrival to end.")
]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="As `plan` prints it.")]
WhyOption = Annotated[str, typer.Option("--reason", help="Why: kept in the ledger and in the audit trail.")]
RequestArgument = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST",
        help="The sender's id of the request, its key (source, a blank, id), its correlation id, or the id "
        "of an event about it.",
    ),
]


def seconds(took: Took | None) -> int | None:
    """Of an option that was given."""
    return None if took is None else int(took.removesuffix("s"))
