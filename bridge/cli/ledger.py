"""``bridge ledger``: what happened to requests, whether all are accounted for; their records once more."""

import asyncio
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.exits import Exit
from bridge.cli.progress import progress_bar
from bridge.cli.terminal import (
    load_settings,
    moment,
    operator,
    patient_key,
    print_json,
    with_stores,
    with_stores_and_queues,
)
from bridge.operations import requests, retention, schema
from bridge.operations.reconciliation import Account, reconcile

_STATES = ("received", "completed", "failed", "rejected", "in_doubt", "waiting", "in_flight")


def balance(pipelines: Sequence[str], since: str | None, until: str | None, *, as_json: bool) -> None:
    """Print whether every request is accounted for."""
    settings = load_settings()
    first, last = moment(since, "--since"), moment(until, "--until")
    with progress_bar("requests looked at") as progress:
        found = with_stores_and_queues(
            settings,
            pipelines,
            lambda stores, queues: reconcile(stores, queues, since=first, until=last, progress=progress),
        )
    if as_json:
        print_json(found.as_json())
    else:
        _print_accounts(found.accounts)
    raise typer.Exit(Exit.OK if found.holds else Exit.NO)


def remap(request: str, reason: str, actor: str | None) -> None:
    """Print what the mapper makes of a stored answer now."""
    settings = load_settings()
    who = operator(settings, actor)
    print_json(
        with_stores(settings, lambda stores: requests.remapped(stores, request, actor=who, reason=reason))
    )


def claim(claim_id: str, reason: str, actor: str | None) -> None:
    """Print the data of a large event."""
    settings = load_settings()
    who = operator(settings, actor)
    data = with_stores(settings, lambda stores: requests.claimed(stores, claim_id, actor=who, reason=reason))
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def prune(actor: str | None) -> None:
    """Delete what has been kept for long enough, once the audit trail says so."""
    settings = load_settings()
    who = operator(settings, actor)
    with progress_bar("requests dealt with") as progress:
        erased = with_stores(settings, lambda stores: retention.prune(stores, actor=who, progress=progress))
    counts = {
        "answers": erased.answers,
        "claims": erased.claims,
        "known about them": erased.facts,
        "messages of failed requests": erased.messages,
        "requests without their bodies now": erased.bodies,
        "requests forgotten": erased.requests,
        "bases of changes": erased.bases,
        "months of bodies dropped whole": erased.partitions,
    }
    typer.echo(", ".join(f"{what}: {count}" for what, count in counts.items()))


def erase_base(reason: str, actor: str | None) -> None:
    """Delete what is kept of a patient to tell changes by."""
    settings = load_settings()
    who = operator(settings, actor)
    patient = patient_key(settings)
    was_there = with_stores(
        settings, lambda stores: retention.erase_base(stores, patient, actor=who, reason=reason)
    )
    typer.echo("erased" if was_there else "nothing was kept")


def upgrade() -> None:
    """Bring the database to the schema of this version."""
    done = asyncio.run(schema.upgrade(load_settings()))
    typer.echo(f"migrated: {', '.join(done)}" if done else "nothing to migrate")


def _print_accounts(accounts: Sequence[Account]) -> None:
    table = Table("", *(account.pipeline for account in accounts), show_edge=False)
    for name in _STATES:
        counts = (str(getattr(account.balance, name)) for account in accounts)
        table.add_row(name.replace("_", " "), *counts)
    table.add_row("adds up", *("yes" if account.holds else "NO" for account in accounts))
    Console().print(table)
    for account in accounts:
        depth = account.depth
        held = f"{depth.ready} ready, {depth.waiting} waiting, {depth.dead} dead"
        typer.echo(f"{account.pipeline} at the broker: {held}")
        for lost in account.missing:
            typer.echo(f"{account.pipeline}: missing at the broker: {lost.kind} {lost.count}")
        for odd in account.balance.discrepancies:
            typer.echo(f"{account.pipeline}: {odd.kind} {odd.count}: {'; '.join(odd.request_keys)}")
