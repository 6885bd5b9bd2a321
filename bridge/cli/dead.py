"""``bridge dead``: what could not be handled, why, and what is to become of it."""

import asyncio
import os
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Column, Table

from bridge.cli.exits import Exit
from bridge.cli.site import (
    load_settings,
    open_books,
    open_queues,
    operator,
    print_json,
)
from bridge.ledger.audit.trail import Entry
from bridge.operations.dead_letter_jobs import MOST_LOOKED_AT, Found, dead_letters, find
from bridge.settings import Settings

_Cause = tuple[str, str, str]
"""Pipeline, reason, detail."""


@dataclass(slots=True)
class _Group:
    """Dead letters of one cause."""

    count: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    def add(self, dead_at: datetime | None) -> None:
        self.count += 1
        if dead_at is not None:
            self.oldest = min(self.oldest or dead_at, dead_at)
            self.newest = max(self.newest or dead_at, dead_at)


def list_(pipelines: list[str], *, as_json: bool) -> None:
    """Print the dead letters by cause."""
    settings = load_settings()
    groups, unseen = asyncio.run(_grouped(settings, pipelines))
    if as_json:
        print_json(
            {"groups": [_group_json(cause, group) for cause, group in groups], "not_looked_at": unseen}
        )
        return
    table = Table("count", Column("pipeline", overflow="fold"), show_edge=False)
    for heading in ("reason", "detail", "oldest", "newest"):
        table.add_column(heading, overflow="fold")
    for cause, group in groups:
        table.add_row(str(group.count), *cause, _short(group.oldest), _short(group.newest))
    Console().print(table if groups else "There are no dead letters.")
    if unseen:
        typer.echo(f"{unseen} more were not looked at (at most {MOST_LOOKED_AT} of each pipeline are)")


def show(letter_id: str, actor: str | None, pipelines: list[str], *, with_body: bool) -> None:
    """Print one dead letter."""
    settings = load_settings()
    found = asyncio.run(_found(settings, letter_id, pipelines, actor, opened=with_body))
    if found is None:
        typer.echo(f"no dead letter {letter_id}, or another command is looking at it", err=True)
        raise typer.Exit(Exit.NO)
    shown = _letter_json(found)
    if with_body:
        shown["body"] = found.letter.message.body.decode("utf-8", "replace")
    print_json(shown)


def export(directory: Path, reason: str | None, actor: str | None, pipelines: list[str]) -> None:
    """Copy dead letters to files."""
    settings = load_settings()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    typer.echo(asyncio.run(_export(settings, directory, reason, pipelines, actor)))


async def _grouped(settings: Settings, pipelines: list[str]) -> tuple[list[tuple[_Cause, _Group]], int]:
    groups: dict[_Cause, _Group] = {}
    async with open_queues(settings, pipelines) as (bus, queues):
        depths = [(await bus.depth(queue)).dead for queue in queues.values()]
        async for one in dead_letters(bus, queues):
            cause = (one.pipeline, one.letter.reason, one.letter.detail)
            groups.setdefault(cause, _Group()).add(one.letter.dead_at)
    by_count = sorted(groups.items(), key=lambda item: (-item[1].count, item[0]))
    return by_count, sum(max(0, depth - MOST_LOOKED_AT) for depth in depths)


async def _found(
    settings: Settings, letter_id: str, pipelines: list[str], actor: str | None, *, opened: bool
) -> Found | None:
    async with open_queues(settings, pipelines) as (bus, queues):
        found = await find(bus, queues, letter_id)
    if found is not None and opened:
        await _note(settings, "dead.opened", actor, {"letter": letter_id, "pipeline": found.pipeline})
    return found


async def _export(
    settings: Settings, directory: Path, reason: str | None, pipelines: list[str], actor: str | None
) -> str:
    count = 0
    # Written down first: what cannot be noted is not copied.
    await _note(settings, "dead.exported", actor, {"reason": reason or "", "pipeline": ",".join(pipelines)})
    async with (
        open_queues(settings, pipelines) as (bus, queues),
        aclosing(dead_letters(bus, queues)) as found,
    ):
        async for one in found:
            if reason in (None, one.letter.reason):
                _write(directory / f"{one.letter.id}.body", one.letter.message.body)
                facts = orjson.dumps(_letter_json(one), option=orjson.OPT_INDENT_2)
                _write(directory / f"{one.letter.id}.json", facts)
                count += 1
    return f"{count} dead letters copied"


async def _note(settings: Settings, event: str, actor: str | None, facts: dict[str, str]) -> None:
    async with open_books(settings) as books:
        await books.trail.record(
            Entry(event=event, outcome="completed", actor=operator(settings, actor), facts=facts)
        )


def _write(file: Path, content: bytes) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)


def _letter_json(found: Found) -> dict[str, Any]:
    letter, message = found.letter, found.letter.message
    return {
        "id": letter.id,
        "pipeline": found.pipeline,
        "reason": letter.reason,
        "detail": letter.detail,
        "attempt": message.attempt,
        "dead_at": letter.dead_at,
        "key": message.key,
        "message_id": message.id,
        "correlation_id": message.correlation_id,
        "content_type": message.content_type,
        "size": len(message.body),
        "headers": dict(message.headers),
    }


def _group_json(cause: _Cause, group: _Group) -> dict[str, Any]:
    named = dict(zip(("pipeline", "reason", "detail"), cause, strict=True))
    return named | {"count": group.count, "oldest": group.oldest, "newest": group.newest}


def _short(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}" if when else ""
