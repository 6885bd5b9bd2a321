"""``bridge render``: any further form of a bundle, on standard output."""

import sys
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import orjson
import typer

from bridge.cli.bundle_files import read
from bridge.cli.exits import Exit
from bridge.engine.rendering import rendering_options
from bridge.operations.bundles import NotABundle, asked_for, mapped
from bridge.operations.rendered import rendered
from bridge.renderings.rendering import Rendered
from bridge.settings import Settings


def render(file: Path, form: str) -> None:
    """Print what a form makes of a bundle.

    Args:
        file: to be read; `-` is standard input.
        form: its name.
    """
    asked = asked_for(None)
    try:
        body = read(file)
        record = mapped(body, asked=asked)
        if "nhs_number" in record:
            record = mapped(body, asked=replace(asked, nhs_number=record["nhs_number"]))
    except NotABundle as error:
        typer.echo(f"{file}: {error}", err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
    exit_code = Exit.OK
    for made in rendered(record, form, rendering_options(Settings.load())):
        if isinstance(made, Rendered):
            sys.stdout.buffer.write(_shown(made))
        else:
            typer.echo(f"{made.topic}: withheld: {made.reason}: {made.detail}", err=True)
            exit_code = Exit.NO
    sys.stdout.flush()
    raise typer.Exit(exit_code)


def _shown(made: Rendered) -> bytes:
    event = orjson.loads(made.body)
    if "data_base64" in event:
        return b64decode(event["data_base64"]).replace(b"\r", b"\n") + b"\n"
    return orjson.dumps(event["data"], option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2)
