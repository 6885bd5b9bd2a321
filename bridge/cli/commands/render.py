"""``bridge render``: the further forms of what a bundle comes to, without any server."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def render(
    file: Annotated[Path, typer.Argument(help="A bundle file; - reads standard input.", allow_dash=True)],
    form: Annotated[Literal["r4", "hl7v2", "changes"], typer.Option("--as", help="The form.")],
) -> None:
    """Print what a bundle comes to in FHIR R4, in HL7 v2, or as changes.

    The patient in it is taken to be the one who was asked about, and its areas to have been asked for, as
    `bridge map` takes them. Changes are those since nothing: all of each area. HL7 v2 has a line for each
    segment, and an empty one between messages; its head is as the settings say (BRIDGE_HL7V2_...). What is
    withheld gives one line on standard error, and exit code 1; a file that is not a Bundle exit code 2.
    """
    from bridge.cli import render as rendering

    rendering.render(file, form)
