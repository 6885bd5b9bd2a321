"""``bridge audit``: whether the trail is whole, and what it says."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.commands.options import ActorOption

app = typer.Typer(name="audit", help="Check the audit trail, and read it for an investigation.")

_PatientOption = Annotated[
    bool, typer.Option("--patient", help="Of one patient only: the NHS number is read from standard input.")
]
_OpenOption = Annotated[
    bool,
    typer.Option(
        "--open", help="With the NHS numbers. Needs --reason; who opened them and why joins the trail."
    ),
]


@app.command()
def verify(
    known: Annotated[
        Path | None,
        typer.Option(help="Heads noted earlier, one a line: shows a database that was put back as well."),
    ] = None,
) -> None:
    """Check every entry of the trail; prints what is wrong, else the heads, to be noted elsewhere.

    Exit code 1 when anything was changed, removed, added, or cut off, or when only one of ledger and trail
    knows a request: `unrecorded` ended without an entry; `unheld` has entries and is gone from the ledger,
    though its time was not over. Writes nothing: an account that may only read will do.
    """
    from bridge.cli import audit

    audit.verify(known)


@app.command()
def resume(
    reason: Annotated[str, typer.Option(help="What broke it, and how that is known: no patient data.")],
    actor: ActorOption = None,
) -> None:
    """Go on with a broken trail, once it is known what broke it; workers go on by themselves.

    What is wrong is printed, is noted in the trail with the reason, and is found by `verify` for ever.
    Exit code 1 when the trail takes entries as it is.
    """
    from bridge.cli import audit

    audit.resume(reason, actor)


@app.command()
def export(
    since: Annotated[str, typer.Option(help="From this day or moment on (ISO 8601, UTC).")],
    until: Annotated[str, typer.Option(help="Before this day or moment.")],
    patient: _PatientOption = False,  # noqa: FBT002
    opened: _OpenOption = False,  # noqa: FBT002
    reason: Annotated[str | None, typer.Option(help="Why the numbers are opened.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who opens them; else the OS user's name.")] = None,
) -> None:
    """Print entries of the trail as JSON lines, oldest first, for an investigation."""
    from bridge.cli import audit

    audit.export(since, until, of_patient=patient, opened=opened, reason=reason, actor=actor)
