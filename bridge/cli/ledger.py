"""``bridge ledger``: what happened to requests, whether all are accounted for; their records once more."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.exits import Exit
from bridge.cli.site import (
    NotThere,
    known_request,
    load_settings,
    moment,
    open_books,
    open_queues,
    operator,
    print_json,
)
from bridge.engine.journal import take_claim
from bridge.fhir.parsing import Parsed, parse
from bridge.ledger import RequestHistory
from bridge.ledger.audit.trail import Entry
from bridge.ledger.vault.vault import Answer
from bridge.mapping import Asked, Source, map_record
from bridge.operations.reconciliation import Account, reconcile
from bridge.record.dates import rfc3339
from bridge.settings import Settings
from bridge.spine.interactions import STRUCTURED_RECORD

_STATES = ("received", "completed", "failed", "rejected", "in_doubt", "waiting", "in_flight")


def balance(pipelines: Sequence[str], since: str | None, until: str | None, *, as_json: bool) -> None:
    """Print whether every request is accounted for."""
    settings = load_settings()
    period = (moment(since, "--since"), moment(until, "--until"))
    accounts = asyncio.run(_accounts(settings, pipelines, *period))
    holds = all(account.holds for account in accounts)
    if as_json:
        print_json({"holds": holds, "pipelines": [_account_json(account) for account in accounts]})
    else:
        _print_accounts(accounts)
    raise typer.Exit(Exit.OK if holds else Exit.NO)


def show(request: str) -> None:
    """Print all that is known of one request."""
    history = asyncio.run(_history(load_settings(), request))
    print_json(asdict(history))


def remap(request: str, reason: str, actor: str | None) -> None:
    """Print what the mapper makes of a stored answer now."""
    settings = load_settings()
    record = asyncio.run(_remap(settings, request, reason, actor))
    print_json(record)


def claim(claim_id: str, reason: str, actor: str | None) -> None:
    """Print the data of a large event."""
    settings = load_settings()
    sys.stdout.buffer.write(asyncio.run(_claim(settings, claim_id, reason, actor)))
    sys.stdout.flush()


def prune(actor: str | None) -> None:
    """Delete what has been kept for long enough, once the audit trail says so."""
    settings = load_settings()
    counts = asyncio.run(_prune(settings, actor))
    typer.echo(", ".join(f"{what}: {count}" for what, count in counts.items()))


async def _accounts(
    settings: Settings, pipelines: Sequence[str], since: datetime | None, until: datetime | None
) -> list[Account]:
    async with open_books(settings) as books, open_queues(settings, pipelines) as (bus, queues):
        return [
            await reconcile(bus, books.ledger, books.jobs, name, queue, since=since, until=until)
            for name, queue in queues.items()
        ]


async def _history(settings: Settings, request: str) -> RequestHistory:
    async with open_books(settings) as books:
        return await known_request(books, request)


async def _remap(settings: Settings, request: str, reason: str, actor: str | None) -> Any:
    async with open_books(settings) as books:
        history = await known_request(books, request)
        answers = await books.vault.answers_to(history.request_key)
        if not answers:
            raise NotThere("no answer came to this request")
        if answers[-1].interaction != STRUCTURED_RECORD.id:
            raise NotThere("its answer is no structured record")
        answer = await books.vault.open_answer(answers[-1].sha256)
        # Written down before it is shown: an opening that cannot be noted does not happen.
        await books.trail.record(
            Entry(
                event="answer.remapped",
                outcome="completed",
                actor=operator(settings, actor),
                patient_key=history.patient_key,
                request_key=history.request_key,
                correlation_id=history.correlation_id,
                practice_ods=answer.practice_ods,
                interaction=answer.interaction,
                facts={"reason": reason, "body_sha256": answer.sha256},
            )
        )
    parsed = _parsed(answer)
    return map_record(parsed.content, asked=Asked(), source=_source(history, answer, parsed))


async def _claim(settings: Settings, claim_id: str, reason: str, actor: str | None) -> bytes:
    async with open_books(settings) as books:
        _, data = await take_claim(
            books.vault, books.trail, claim_id, actor=operator(settings, actor), facts={"reason": reason}
        )
    return data


def _parsed(answer: Answer) -> Parsed:
    try:
        parsed = parse(answer.body)
    except orjson.JSONDecodeError:
        raise NotThere("the stored answer is no FHIR Bundle") from None
    content = parsed.content
    if not isinstance(content, dict) or content.get("resourceType") != "Bundle":
        raise NotThere("the stored answer is no FHIR Bundle")
    return parsed


def _source(history: RequestHistory, answer: Answer, parsed: Parsed) -> Source:
    return Source(
        request_id=history.request_key,
        retrieved_at=rfc3339(answer.received_at),
        body_sha256=answer.sha256,
        holder_ods=answer.practice_ods,
        patient_key=history.patient_key,
        issues=parsed.issues,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )


async def _prune(settings: Settings, actor: str | None) -> dict[str, int]:
    now = datetime.now(UTC)
    async with open_books(settings) as books:
        facts_before = now - timedelta(days=settings.ledger.keep_metadata_days)
        await books.trail.note_forgotten(operator(settings, actor), facts_before)
        of_vault = await books.vault.prune(now, facts_before=facts_before)
        of_ledger = await books.ledger.prune(now)
    return {
        "answers": of_vault.answers,
        "claims": of_vault.claims,
        "known about them": of_vault.metadata,
        "requests without their bodies now": of_ledger.bodies,
        "requests forgotten": of_ledger.requests,
    }


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


def _account_json(account: Account) -> dict[str, Any]:
    return {
        "pipeline": account.pipeline,
        "holds": account.holds,
        "ledger": asdict(account.balance),
        "broker": asdict(account.depth),
        "discarded": account.discarded,
        "missing": [asdict(lost) for lost in account.missing],
    }
