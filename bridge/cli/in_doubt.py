"""``bridge ledger doubts``: requests of which nobody knows what was done, and what a person found out."""

from dataclasses import asdict
from datetime import datetime

from rich.console import Console
from rich.table import Column, Table

from bridge.cli.terminal import load_settings, operator, print_json, with_stores
from bridge.operations import in_doubt


def list_(*, as_json: bool) -> None:
    """List the requests in doubt."""
    found = with_stores(load_settings(), in_doubt.in_doubt)
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
            _short(max((intent.created_at for intent in sent), default=None)),
            _short(history.wait_until) or "none: find out",
        )
    Console().print(table if found else "No request is in doubt.")


def check(request: str) -> None:
    """Have a request in doubt checked next by a running worker."""
    settings = load_settings()
    who = operator(settings, None)
    with_stores(settings, lambda stores: in_doubt.check(stores, request, actor=who))


def close(request: str, reason: str, actor: str | None) -> None:
    """Note what a person has found out."""
    settings = load_settings()
    who = operator(settings, actor)
    with_stores(settings, lambda stores: in_doubt.close(stores, request, actor=who, reason=reason))


def _short(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
