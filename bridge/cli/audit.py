"""``bridge audit``: whether the trail is whole, and what it says."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import typer

from bridge.cli.exits import Exit
from bridge.cli.site import (
    NotThere,
    load_settings,
    moment,
    open_books,
    operator,
    print_json,
    reading_trail,
)
from bridge.engine.patient_keys import PatientKeys
from bridge.errors import Misconfigured
from bridge.ledger.audit.chain import Head
from bridge.ledger.audit.trail import AuditBroken, Investigation
from bridge.ledger.audit.verification import Finding, Unmatched
from bridge.record.nhs_number import nhs_number_of
from bridge.settings import Settings

Findings = list[Finding | Unmatched]


def verify(known: Path | None) -> None:
    """Print what is wrong with the trail, else its heads."""
    findings, heads = asyncio.run(_verify(load_settings(), _heads(known) if known else []))
    for finding in findings:
        typer.echo(str(finding))
    if findings:
        raise typer.Exit(Exit.NO)
    for head in heads:
        typer.echo(str(head))


def resume(reason: str, actor: str | None) -> None:
    """Note what is wrong with a broken trail, and go on with it."""
    settings = load_settings()
    if not reason.strip():
        raise typer.BadParameter("must say something", param_hint="--reason")
    asyncio.run(_resume(settings, reason, actor))


def export(
    since: str, until: str, *, of_patient: bool, opened: bool, reason: str | None, actor: str | None
) -> None:
    """Print entries of the trail as JSON lines."""
    settings = load_settings()
    if opened and not (reason or "").strip():
        raise typer.BadParameter("is required with --open", param_hint="--reason")
    first, last = moment(since, "--since"), moment(until, "--until")
    assert first is not None
    assert last is not None
    key = _patient_key(settings) if of_patient else None
    opened_for = Investigation(actor=operator(settings, actor), reason=reason or "") if opened else None
    asyncio.run(_export(settings, first, last, key, opened_for))


async def _verify(settings: Settings, known: list[Head]) -> tuple[Findings, list[Head]]:
    async with reading_trail(settings) as trail:
        findings = await trail.verify(known)
        return findings, [head for head in await trail.heads() if head.sequence]


async def _resume(settings: Settings, reason: str, actor: str | None) -> None:
    async with open_books(settings) as books:
        try:
            await books.trail.look()
        except AuditBroken:
            for finding in await books.trail.resume(operator(settings, actor), reason):
                typer.echo(str(finding))
        else:
            raise NotThere("the trail takes entries: there is nothing to resume")


async def _export(
    settings: Settings, since: datetime, until: datetime, key: str | None, opened_for: Investigation | None
) -> None:
    async with open_books(settings) as books:
        async for entry in books.trail.export(since, until, key, opened_for=opened_for):
            print_json(entry, indent=False)


def _heads(file: Path) -> list[Head]:
    try:
        lines = file.read_text(encoding="ascii").split()
        return [Head.parse(line) for line in lines]
    except (OSError, ValueError):
        typer.echo(f"{file}: is no file of heads as `bridge audit verify` prints them", err=True)
        raise typer.Exit(Exit.UNREADABLE) from None


def _patient_key(settings: Settings) -> str:
    if settings.patient_key is None:
        raise Misconfigured("BRIDGE_PATIENT_KEY or BRIDGE_PATIENT_KEY_FILE: is required")
    nhs_number = nhs_number_of(sys.stdin.readline())
    if nhs_number is None:
        typer.echo("standard input: is no NHS number", err=True)
        raise typer.Exit(Exit.UNREADABLE)
    return PatientKeys(settings.patient_key).of(nhs_number)
