"""``bridge preview``: sections of the care record, as events hold them, as one page to look at."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError

from bridge.cli.exits import Exit
from bridge.contracts.care_record_events import CARE_RECORD_SECTION
from bridge.mapping.care_record import render_preview
from bridge.record.care_record import CareRecordSection

_MODEL: Final = TypeAdapter(CareRecordSection)

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Events as JSON, one or several in a file; - reads standard input.",
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
    """Write one self-contained HTML page of the care record sections in these event files.

    The page is patient data: a file is readable by its owner only. Events of other kinds are passed over, so
    what `bridge send --wait` printed can be given as it is. Exit code 2 when no section is found.
    """
    try:
        sections = [data for file in files for data in _sections(_read(file))]
    except _UnreadableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
    if not sections:
        typer.echo("no section of a care record is in there", err=True)
        raise typer.Exit(Exit.UNREADABLE)
    _write(render_preview(sections), output)


class _UnreadableError(Exception):
    """A file that is none; the text says why in one line."""


def _read(file: Path) -> str:
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return body.decode()
    except (OSError, UnicodeDecodeError):
        raise _UnreadableError(f"{file}: cannot be read as text") from None


def _sections(text: str) -> Iterator[CareRecordSection]:
    """The data of every section event in a text of JSON documents, one after the other."""
    decoder = json.JSONDecoder()
    position = _next(text, 0)
    while position < len(text):
        try:
            event, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError):
            raise _UnreadableError("is not JSON, or is cut off") from None
        position = _next(text, position)
        if isinstance(event, dict) and str(event.get("type")).endswith(f".{CARE_RECORD_SECTION}"):
            try:
                yield _MODEL.validate_python(event.get("data"))
            except ValidationError:
                raise _UnreadableError("holds an event without the data of a section") from None


def _next(text: str, position: int) -> int:
    """Where the next document begins."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _write(page: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(page)
        return
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(page)
