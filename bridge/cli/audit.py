"""``bridge audit``: whether the trail is whole, and what it says."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.exits import Exit
from bridge.cli.site import (
    ActorOption,
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
from bridge.ledger.audit import AuditBroken, Investigation
from bridge.ledger.chain import Head
from bridge.ledger.verification import Finding, Unrecorded
from bridge.record.nhs_number import nhs_number_of
from bridge.settings import Settings

app = typer.Typer(name="audit", help="Check the audit trail, and read it for an investigation.")

Findings = list[Finding | Unrecorded]

_PatientOption = Annotated[
    bool, typer.Option("--patient", help="Of one patient only: the NHS number is read from standard input.")
]
_OpenOption = Annotated[
    bool,
    typer.Option(
        "--open", help="With the NHS numbers. Needs --reason; who opened them and why joins the trail."
    ),
]


@app.command()
def verify(
    known: Annotated[
        Path | None,
        typer.Option(help="Heads noted earlier, one a line: shows a database that was put back as well."),
    ] = None,
) -> None:
    """Check every entry of the trail; prints what is wrong, else the heads, to be noted elsewhere.

    Exit code 1 when anything was changed, removed, added, or cut off, or when a request has ended without an
    entry. Writes nothing: an account that may only read will do.
    """
    findings, heads = asyncio.run(_verify(load_settings(), _heads(known) if known else []))
    for finding in findings:
        typer.echo(str(finding))
    if findings:
        raise typer.Exit(Exit.NO)
    for head in heads:
        typer.echo(str(head))


@app.command()
def resume(
    reason: Annotated[str, typer.Option(help="What broke it, and how that is known: no patient data.")],
    actor: ActorOption = None,
) -> None:
    """Go on with a broken trail, once it is known what broke it; workers go on by themselves.

    What is wrong is printed, is noted in the trail with the reason, and is found by `verify` for ever.
    Exit code 1 when the trail takes entries as it is.
    """
    settings = load_settings()
    if not reason.strip():
        raise typer.BadParameter("must say something", param_hint="--reason")
    asyncio.run(_resume(settings, reason, actor))


@app.command()
def export(
    since: Annotated[str, typer.Option(help="From this day or moment on (ISO 8601, UTC).")],
    until: Annotated[str, typer.Option(help="Before this day or moment.")],
    patient: _PatientOption = False,  # noqa: FBT002
    opened: _OpenOption = False,  # noqa: FBT002
    reason: Annotated[str | None, typer.Option(help="Why the numbers are opened.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who opens them; else the OS user's name.")] = None,
) -> None:
    """Print entries of the trail as JSON lines, oldest first, for an investigation."""
    settings = load_settings()
    if opened and not (reason or "").strip():
        raise typer.BadParameter("is required with --open", param_hint="--reason")
    first, last = moment(since, "--since"), moment(until, "--until")
    assert first is not None
    assert last is not None
    key = _patient_key(settings) if patient else None
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
