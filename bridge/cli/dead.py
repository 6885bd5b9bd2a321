"""``bridge dead``: what could not be handled, why, and what is to become of it."""

import os
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.table import Column, Table

from bridge.cli.exits import Exit
from bridge.cli.terminal import (
    load_settings,
    operator,
    print_json,
    with_queues,
    with_stores,
    with_stores_and_queues,
)
from bridge.operations.dead_letters import MOST_LOOKED_AT, by_cause, copies, find, note_opened
from bridge.operations.site import Queues, Stores


def list_(pipelines: list[str], *, as_json: bool) -> None:
    """Print the dead letters by cause."""
    causes = with_queues(load_settings(), pipelines, by_cause)
    if as_json:
        print_json(asdict(causes))
        return
    table = Table("count", Column("pipeline", overflow="fold"), show_edge=False)
    for heading in ("reason", "detail", "oldest", "newest"):
        table.add_column(heading, overflow="fold")
    for group in causes.groups:
        table.add_row(
            str(group.count),
            *(group.pipeline, group.reason, group.detail),
            *(_short(group.oldest), _short(group.newest)),
        )
    Console().print(table if causes.groups else "There are no dead letters.")
    if causes.not_looked_at:
        typer.echo(
            f"{causes.not_looked_at} more were not looked at (at most {MOST_LOOKED_AT} of each pipeline are)"
        )


def show(letter_id: str, actor: str | None, pipelines: list[str], *, with_body: bool) -> None:
    """Print one dead letter."""
    settings = load_settings()
    found = with_queues(settings, pipelines, lambda queues: find(queues, letter_id))
    if found is None:
        typer.echo(f"no dead letter {letter_id}, or another command is looking at it", err=True)
        raise typer.Exit(Exit.NO)
    shown = asdict(found.facts)
    if with_body:
        # Written down first: what cannot be noted is not shown.
        who = operator(settings, actor)
        with_stores(settings, lambda stores: note_opened(stores, found, actor=who))
        shown["body"] = found.dead_letter.message.body.decode("utf-8", "replace")
    print_json(shown)


def export(directory: Path, reason: str | None, actor: str | None, pipelines: list[str]) -> None:
    """Copy dead letters to files."""
    settings = load_settings()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    who = operator(settings, actor)

    async def copy(stores: Stores, queues: Queues) -> int:
        count = 0
        async with aclosing(copies(stores, queues, actor=who, reason=reason, named=pipelines)) as found:
            async for one in found:
                facts = one.facts
                _write(directory / f"{facts.id}.body", one.dead_letter.message.body)
                _write(directory / f"{facts.id}.json", orjson.dumps(facts, option=orjson.OPT_INDENT_2))
                count += 1
        return count

    typer.echo(f"{with_stores_and_queues(settings, pipelines, copy)} dead letters copied")


def _write(file: Path, content: bytes) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)


def _short(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}" if when else ""
