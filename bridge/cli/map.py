"""``bridge map``: what the engine makes of a bundle, without any server."""

import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import typer

from bridge.areas import AREAS, map_record
from bridge.cli.bundle_files import NotABundleError, parse_bundle, read
from bridge.cli.exits import Exit
from bridge.fhir.parsing import Parsed
from bridge.mapping import Asked, Source
from bridge.record.dates import rfc3339


def map_(files: Sequence[Path], *, areas: str | None = None) -> None:
    """Print what the engine makes of bundles.

    Args:
        files: to be read; `-` is standard input.
        areas: names of the areas to take as asked for, with commas between; None: those that were answered.
    """
    asked = Asked() if areas is None else Asked(areas=_named(areas))
    several = len(files) > 1
    exit_code = Exit.OK
    for file in files:
        try:
            body = read(file)
            parsed = parse_bundle(body)
        except NotABundleError as error:
            typer.echo(f"{file}: {error}", err=True)
            exit_code = Exit.UNREADABLE
            continue
        record = map_record(parsed.content, asked=asked, source=_source(body, parsed))
        option = orjson.OPT_APPEND_NEWLINE | (0 if several else orjson.OPT_INDENT_2)
        sys.stdout.buffer.write(orjson.dumps(record, option=option))
    sys.stdout.flush()
    raise typer.Exit(exit_code)


def _named(areas: str) -> dict[str, object]:
    """The options of areas; each asks for everything there is."""
    known = {area.name: area for area in AREAS.areas}
    names = [name.strip() for name in areas.split(",")]
    if unknown := [name for name in names if name not in known]:
        typer.echo(f"--areas: {unknown[0]!r} is none of {', '.join(known)}", err=True)
        raise typer.Exit(Exit.UNREADABLE)
    options = {name: known[name].options for name in names}
    return {name: None if kind is None else kind() for name, kind in options.items()}


def _source(body: bytes, parsed: Parsed) -> Source:
    digest = hashlib.sha256(body).hexdigest()
    return Source(
        request_id=digest,
        retrieved_at=rfc3339(datetime.now(UTC)),
        body_sha256=digest,
        issues=parsed.issues,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )
