"""``bridge assurance``: what the installed product says of itself, for clinical safety and assurance."""

from pathlib import Path
from typing import Annotated

import typer


def assurance(
    folder: Annotated[
        Path, typer.Argument(help="Where to write; made when it is missing.", metavar="DIR", file_okay=False)
    ],
) -> None:
    """Write the parts of the assurance pack that the installed product can tell; open index.html.

    Asks nothing of anybody: no bus, ledger or practice. What tests prove is in the pack of the release.
    """
    from bridge.cli import assurance

    assurance.assurance(folder)
