"""``bridge preview``: a record, as events hold it, as one page to look at."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from bridge.areas.record_page import render
from bridge.cli.exits import Exit
from bridge.cli.preview_files import UnreadableError, read_events


def preview(files: Sequence[Path], output: Path | None) -> None:
    """Write the page, to standard output when no file is named."""
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
