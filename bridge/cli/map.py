"""``bridge map``: what the engine makes of a bundle, without any server."""

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
import typer

from bridge.cli.bundle_files import read
from bridge.cli.exits import Exit
from bridge.operations.bundles import NotABundle, UnknownArea, asked_for, mapped


def map_(files: Sequence[Path], *, areas: str | None = None) -> None:
    """Print what the engine makes of bundles.

    Args:
        files: to be read; `-` is standard input.
        areas: names of the areas to take as asked for, with commas between; None: those that were answered.
    """
    try:
        asked = asked_for(None if areas is None else [name.strip() for name in areas.split(",")])
    except UnknownArea as fault:
        typer.echo(f"--areas: {fault}", err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
    several = len(files) > 1
    exit_code = Exit.OK
    for file in files:
        try:
            record = mapped(read(file), asked=asked)
        except NotABundle as error:
            typer.echo(f"{file}: {error}", err=True)
            exit_code = Exit.UNREADABLE
            continue
        option = orjson.OPT_APPEND_NEWLINE | (0 if several else orjson.OPT_INDENT_2)
        sys.stdout.buffer.write(orjson.dumps(record, option=option))
    sys.stdout.flush()
    raise typer.Exit(exit_code)
