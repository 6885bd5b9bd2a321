"""``bridge check``: how bundles deviate from base FHIR STU3, for a supplier."""

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import orjson
import typer

from bridge.cli.bundle_files import read
from bridge.cli.exits import Exit
from bridge.fhir.check import Deviation, grouped
from bridge.operations.bundles import NotABundle, deviations

_EXAMPLES = 3


def check(files: Sequence[Path], *, as_lines: bool, as_json: bool) -> None:
    """Print how bundles deviate from base FHIR STU3."""
    exit_code = Exit.OK
    for file in files:
        try:
            found = deviations(read(file))
        except NotABundle as error:
            typer.echo(f"{file}: {error}", err=True)
            exit_code = Exit.UNREADABLE
            continue
        if as_json:
            for each in found:
                line = {"file": str(file), **each._asdict()}
                sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            sys.stdout.flush()
        elif as_lines:
            for each in found:
                typer.echo(f"{file}\t{each.resource}\t{each.path}\t{each.rule}")
        else:
            _tell(str(file), found)
        if found and exit_code is Exit.OK:
            exit_code = Exit.NO
    raise typer.Exit(exit_code)


def _tell(file: str, deviations: Sequence[Deviation]) -> None:
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
