"""``bridge preview``: a record, as events hold it, as one page to look at."""

from pathlib import Path
from typing import Annotated

import typer


def preview(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Events as JSON, one or several in a file, or what `bridge map` prints; "
            "- reads standard input.",
            allow_dash=True,
            metavar="FILE...",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the page; else standard output.")
    ] = None,
) -> None:
    """Write one self-contained HTML page of the record in these event files.

    Shows structured records (medications, allergies, how complete they are, every warning) and sections of
    the care record; what `bridge send --wait` or `bridge map` printed can be given as it is. Other events
    that this installation publishes are passed over.

    The page is patient data: a file is readable by its owner only. Exit code 2 when an event is malformed or
    of an unknown kind, or when nothing of a record is in there.
    """
    from bridge.cli import preview

    preview.preview(files, output)
