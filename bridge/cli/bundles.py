"""``bridge map`` and ``bridge check``: what the engine makes of a bundle, without any server."""

import hashlib
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import orjson
import typer

from bridge.cli.exits import Exit
from bridge.fhir.parsing import Parsed, parse
from bridge.mapping import Asked, Source, map_record
from bridge.record.dates import rfc3339

if TYPE_CHECKING:
    from bridge.fhir.check import Deviation

_EXAMPLES = 3
_TYPE_NAME = re.compile("[A-Z][A-Za-z]{2,40}")


def map_(files: Sequence[Path]) -> None:
    """Print what the engine makes of bundles."""
    several = len(files) > 1
    exit_code = Exit.OK
    for file in files:
        try:
            body = _read(file)
            parsed = _parse(body)
            record = map_record(parsed.content, asked=Asked(), source=_source(body, parsed))
        except _UnreadableError as error:
            typer.echo(f"{file}: {error}", err=True)
            exit_code = Exit.UNREADABLE
            continue
        option = orjson.OPT_APPEND_NEWLINE | (0 if several else orjson.OPT_INDENT_2)
        sys.stdout.buffer.write(orjson.dumps(record, option=option))
    sys.stdout.flush()
    raise typer.Exit(exit_code)


def check(files: Sequence[Path], *, as_lines: bool, as_json: bool) -> None:
    """Print how bundles deviate from base FHIR STU3."""
    from bridge.fhir.check import check_bundle  # noqa: PLC0415 - its library takes a second to load; mapping needs none

    exit_code = Exit.OK
    for file in files:
        try:
            deviations = check_bundle(_parse(_read(file)).content)
        except _UnreadableError as error:
            typer.echo(f"{file}: {error}", err=True)
            exit_code = Exit.UNREADABLE
            continue
        if as_json:
            for each in deviations:
                line = {"file": str(file), **each._asdict()}
                sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            sys.stdout.flush()
        elif as_lines:
            for each in deviations:
                typer.echo(f"{file}\t{each.resource}\t{each.path}\t{each.rule}")
        else:
            _tell(str(file), deviations)
        if deviations and exit_code is Exit.OK:
            exit_code = Exit.NO
    raise typer.Exit(exit_code)


def _tell(file: str, deviations: "Sequence[Deviation]") -> None:
    from bridge.fhir.check import grouped  # noqa: PLC0415 - as above

    groups = grouped(deviations)
    typer.echo(
        f"{file}: {len(deviations)} deviations from {len(groups)} rules" if groups else f"{file}: none"
    )
    for group in groups:
        typer.echo(f"{len(group.found):>7}  {group.where}")
        typer.echo(_indented(group.rule))
        shown = list(dict.fromkeys(each.resource for each in group.found))
        more = ", …" if len(shown) > _EXAMPLES else ""
        typer.echo(_indented(f"in {', '.join(shown[:_EXAMPLES])}{more}"))


def _indented(text: str) -> str:
    margin = " " * 9
    return fill(text, 79, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)


class _UnreadableError(Exception):
    """The input is no bundle; the text says why in one line."""


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror}") from None


def _parse(body: bytes) -> Parsed:
    try:
        parsed = parse(body)
    except orjson.JSONDecodeError as error:
        raise _UnreadableError(f"is not JSON: line {error.lineno} column {error.colno}") from None
    content = parsed.content
    kind = content.get("resourceType") if isinstance(content, dict) else None
    if kind != "Bundle":
        # Only what looks like the name of a type is repeated: anything may stand in a file.
        named = isinstance(kind, str) and _TYPE_NAME.fullmatch(kind)
        raise _UnreadableError(f"is not a FHIR Bundle{f' ({kind})' if named else ''}")
    return parsed


def _source(body: bytes, parsed: Parsed) -> Source:
    digest = hashlib.sha256(body).hexdigest()
    return Source(
        request_id=digest,
        retrieved_at=rfc3339(datetime.now(UTC)),
        body_sha256=digest,
        issues=parsed.issues,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )
