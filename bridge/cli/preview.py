"""``bridge preview``: a record, as events hold it, as one page to look at."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from bridge.cli.exits import Exit
from bridge.operations.preview import NotShowable, page


def preview(files: Sequence[Path], output: Path | None) -> None:
    """Write the page, to standard output when no file is named."""
    try:
        shown = page((str(file), _read(file)) for file in files)
    except NotShowable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
    _write(shown, output)


def _read(file: Path) -> bytes | None:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError:
        return None


def _write(html: str, output: Path | None) -> None:
    # The page says that it is UTF-8, whatever the terminal's encoding; half a character shows as "?".
    body = html.encode("utf-8", "replace")
    if output is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        return
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
