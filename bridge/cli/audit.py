"""``bridge audit``: whether the trail is whole, and what it says."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import typer

from bridge.cli.exits import Exit
from bridge.cli.progress import progress_bar
from bridge.cli.terminal import (
    load_settings,
    moment,
    operator,
    patient_key,
    print_json,
    reason_option,
    with_stores,
)
from bridge.operations import audit
from bridge.operations.audit import AuditInquiry, Head, Verification
from bridge.operations.site import open_stores, open_trail
from bridge.settings import Settings


def verify(known: Path | None) -> None:
    """Print what is wrong with the trail, else its heads."""
    verified = asyncio.run(_verify(load_settings(), _heads(known) if known else []))
    for line in verified.heads if verified.is_whole else verified.findings:
        typer.echo(str(line))
    if not verified.is_whole:
        raise typer.Exit(Exit.NO)


def resume(reason: str, actor: str | None) -> None:
    """Note what is wrong with a broken trail, and go on with it."""
    settings = load_settings()
    who = operator(settings, actor)
    for finding in with_stores(settings, lambda stores: audit.resume(stores, actor=who, reason=reason)):
        typer.echo(str(finding))


def export(
    since: str, until: str, *, of_patient: bool, opened: bool, reason: str | None, actor: str | None
) -> None:
    """Print entries of the trail as JSON lines."""
    settings = load_settings()
    first, last = moment(since, "--since"), moment(until, "--until")
    assert first is not None
    assert last is not None
    key = patient_key(settings) if of_patient else None
    opened_for = None
    if opened:
        with reason_option():
            opened_for = audit.inquiry(operator(settings, actor), reason)
    asyncio.run(_export(settings, first, last, key, opened_for))


async def _verify(settings: Settings, known: Sequence[Head]) -> Verification:
    async with open_trail(settings) as trail:
        with progress_bar("entries checked") as progress:
            return await audit.verify(trail, known, progress=progress)


async def _export(
    settings: Settings, since: datetime, until: datetime, key: str | None, opened_for: AuditInquiry | None
) -> None:
    async with open_stores(settings) as stores:
        async for entry in stores.trail.export(since, until, key, opened_for=opened_for):
            print_json(entry, indent=False)


def _heads(file: Path) -> list[Head]:
    try:
        lines = file.read_text(encoding="ascii").split()
        return [Head.parse(line) for line in lines]
    except (OSError, ValueError):
        typer.echo(f"{file}: is no file of heads as `bridge audit verify` prints them", err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
