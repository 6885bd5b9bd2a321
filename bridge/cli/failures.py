"""``bridge failures``: what did not succeed, by cause, with what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import typer

from bridge.cli.terminal import load_settings, moment, print_json, width, with_stores, wrapped
from bridge.operations import failures
from bridge.operations.failures import FailureGroup

_INDENT: Final = "    "
_NAMED: Final = 8
"""Practices of a group that are named; `--json` names all."""


def show(since: str, until: str | None, pipeline: str | None, *, as_json: bool) -> None:
    """Print the groups of a period."""
    first, last = moment(since, "--since"), moment(until, "--until")
    assert first is not None
    groups = with_stores(
        load_settings(),
        lambda stores: failures.failures(stores, since=first, until=last, pipeline=pipeline),
    )
    if as_json:
        print_json({"since": first, "until": last, "groups": [_json(group) for group in groups]})
    else:
        _print(groups, first)


def _json(group: FailureGroup) -> dict[str, Any]:
    told = asdict(group)
    return {"id": told.pop("id"), **told.pop("cause"), **told}


def _print(groups: Sequence[FailureGroup], since: datetime) -> None:
    total = sum(group.count for group in groups)
    if not total:
        typer.echo(f"Since {_moment(since)} no request ended without success.")
        return
    causes = "1 cause" if len(groups) == 1 else f"{len(groups)} causes"
    typer.echo(f"Since {_moment(since)} {total} requests ended without success, by {causes}.")
    for group in groups:
        typer.echo("")
        _print_group(group)


def _print_group(group: FailureGroup) -> None:
    cause = group.cause
    where = f" at {cause.stage}" if cause.stage else ""
    by = f" ({cause.upstream})" if cause.upstream else ""
    detail = f": {cause.detail}" if cause.detail else ""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in group.outcomes.items())
    first, last = _moment(group.first_seen), _moment(group.last_seen)
    typer.echo(_folded(f"{group.count} x {cause.code or 'rejected'}{where}{by}{detail}", indent=""))
    typer.echo(_folded(f"{cause.pipeline}: {outcomes}; first {first}, last {last}"))
    if group.practices:
        typer.echo(_folded(f"practices: {_practices(group.practices)}"))
    typer.echo(f"{_INDENT}example: {group.example}")
    typer.echo(f"{_INDENT}group:   {group.id}")
    typer.echo(_folded(f"next:    {group.next_step}"))


def _practices(practices: Mapping[str, int]) -> str:
    named = [f"{practice} ({count})" for practice, count in practices.items()]
    more = len(named) - _NAMED
    return ", ".join(named[:_NAMED] + ([f"{more} more"] if more > 0 else []))


def _folded(text: str, *, indent: str = _INDENT) -> str:
    return wrapped(text, width=width(), indent=indent)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
