"""``bridge ledger doubts``: requests of which nobody knows what was done, and what a person found out."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from rich.console import Console
from rich.table import Column, Table

from bridge.cli.site import (
    NotThere,
    known_request,
    load_settings,
    open_books,
    operator,
    print_json,
)
from bridge.ledger import RequestHistory
from bridge.ledger.audit.trail import Entry
from bridge.settings import Settings

_NOT_IN_DOUBT = "the request is not in doubt, or is being checked at this moment"


def list_(*, as_json: bool) -> None:
    """List the requests in doubt."""
    found = asyncio.run(_doubts(load_settings()))
    if as_json:
        print_json([asdict(history) for history in found])
        return
    table = Table(Column("request", overflow="fold"), show_edge=False)
    for heading in ("pipeline", "code", "open", "sent", "next check"):
        table.add_column(heading, overflow="fold")
    for history in found:
        sent = [intent for intent in history.intents if intent.verdict is None]
        table.add_row(
            history.request_key,
            history.pipeline,
            history.code or "",
            ", ".join(f"{intent.kind} {intent.settle_key}" for intent in sent),
            _short(sent[-1].created_at if sent else None),
            _short(history.wait_until) or "none: find out",
        )
    Console().print(table if found else "No request is in doubt.")


def check(request: str) -> None:
    """Have a request in doubt checked next by a running worker."""
    asyncio.run(_check(load_settings(), request))


def close(request: str, reason: str, actor: str | None) -> None:
    """Note what a person has found out."""
    settings = load_settings()
    asyncio.run(_close(settings, request, reason, actor))


async def _doubts(settings: Settings) -> Sequence[RequestHistory]:
    async with open_books(settings) as books:
        return [await known_request(books, key) for key in await books.ledger.doubts()]


async def _check(settings: Settings, request: str) -> None:
    async with open_books(settings) as books:
        history = await known_request(books, request)
        if not await books.ledger.check_soon(history.request_key):
            raise NotThere(_NOT_IN_DOUBT)


async def _close(settings: Settings, request: str, reason: str, actor: str | None) -> None:
    async with open_books(settings) as books:
        history = await known_request(books, request)
        entry = Entry(
            event="doubt.closed",
            outcome="completed",
            actor=operator(settings, actor),
            patient_key=history.patient_key,
            request_key=history.request_key,
            correlation_id=history.correlation_id,
            facts={"reason": reason},
        )
        if not await books.ledger.close(history.request_key, also=books.trail.step(entry)):
            raise NotThere(_NOT_IN_DOUBT)


def _short(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
