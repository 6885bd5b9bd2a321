"""``bridge quality``: what practices sent that could not be mapped, or was noticed."""

import sys
from dataclasses import asdict
from typing import Literal

import typer

from bridge.cli.terminal import load_settings, moment, print_json, width, with_stores, wrapped
from bridge.operations import quality
from bridge.operations.quality import QualityLine, QualitySummary

_INDENT = "    "


def show(
    since: str, practice: str | None, supplier: str | None, *, form: Literal["text", "json", "csv"]
) -> None:
    """Print what was met from a day on."""
    first = moment(since, "--since")
    assert first is not None
    found = with_stores(
        load_settings(),
        lambda stores: quality.quality(
            stores, since=first, practice_ods=practice, supplier_ods=supplier, by_practice=form == "csv"
        ),
    )
    if form == "csv":
        sys.stdout.write(quality.as_csv(found.remarkable))
    elif form == "json":
        print_json(asdict(found))
    else:
        _print(found)


def _print(found: QualitySummary) -> None:
    if found.counted_until is not None:
        typer.echo(f"Records that came after {found.counted_until:%Y-%m-%d %H:%M} are not counted yet.")
    if not found.lines:
        typer.echo(f"Since {found.since} no structured record came.")
        return
    if not found.remarkable:
        typer.echo(f"Since {found.since} nothing was noticed about the records that came.")
        return
    typer.echo(f"Since {found.since}, by supplier and area, the most frequent first:")
    for line in found.remarkable:
        typer.echo("")
        _print_line(line)


def _print_line(line: QualityLine) -> None:
    practices = "1 practice" if line.practices == 1 else f"{line.practices} practices"
    typer.echo(_folded(f"{line.count} x {line.kind} {line.code} in {line.area or 'no area'}", indent=""))
    typer.echo(
        _folded(
            f"supplier {line.supplier_ods or 'not known'}: {line.records} records of {practices}, "
            f"{line.first_day} to {line.last_day}"
        )
    )
    meaning = quality.meaning(line.kind, line.code)
    if meaning is not None:
        typer.echo(_folded(meaning))
    if line.example is not None:
        typer.echo(f"{_INDENT}example: {line.example.source_ref} of {line.example.practice_ods}")
        typer.echo(f"{_INDENT}request: {line.example.request_key}")


def _folded(text: str, *, indent: str = _INDENT) -> str:
    return wrapped(text, width=width(), indent=indent)
