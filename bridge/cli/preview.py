"""``bridge preview``: a record, as events hold it, as one page to look at."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.exits import Exit
from bridge.cli.preview_files import UnreadableError, read_events
from bridge.mapping.record_page import render

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Events as JSON, one or several in a file, or what `bridge map` prints; - reads standard input.",
        allow_dash=True,
        metavar="FILE...",
    ),
]


def preview(
    files: Files,
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
    try:
        page = render(read_events(files))
    except UnreadableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
    _write(page, output)


def _write(page: str, output: Path | None) -> None:
    # The page says that it is UTF-8, whatever the terminal's encoding; half a character shows as "?".
    body = page.encode("utf-8", "replace")
    if output is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        return
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
