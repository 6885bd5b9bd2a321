"""``bridge map``: what the engine makes of a bundle, without any server."""

import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import typer

from bridge.areas import map_record
from bridge.cli.bundle_files import NotABundleError, parse_bundle, read
from bridge.cli.exits import Exit
from bridge.fhir.parsing import Parsed
from bridge.mapping import Asked, Source
from bridge.record.dates import rfc3339


def map_(files: Sequence[Path]) -> None:
    """Print what the engine makes of bundles."""
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
        record = map_record(parsed.content, asked=Asked(), source=_source(body, parsed))
        option = orjson.OPT_APPEND_NEWLINE | (0 if several else orjson.OPT_INDENT_2)
        sys.stdout.buffer.write(orjson.dumps(record, option=option))
    sys.stdout.flush()
    raise typer.Exit(exit_code)


def _source(body: bytes, parsed: Parsed) -> Source:
    digest = hashlib.sha256(body).hexdigest()
    return Source(
        request_id=digest,
        retrieved_at=rfc3339(datetime.now(UTC)),
        body_sha256=digest,
        issues=parsed.issues,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )
