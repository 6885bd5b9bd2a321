"""``bridge send``: put a request on the bus as a hospital system would, and read what comes of it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import typer

from bridge.bus import open_bus
from bridge.bus.port import Delivery, QueueInspection, Unpublishable
from bridge.cli.exits import Exit
from bridge.contracts.appointment_events import APPOINTMENT_IN_DOUBT, APPOINTMENT_REFUSED
from bridge.contracts.envelope import STRUCTURED
from bridge.contracts.events import REQUEST_FAILED, REQUEST_REJECTED
from bridge.contracts.patient_events import REGISTRATION_IN_DOUBT, REGISTRATION_REFUSED
from bridge.observe import configure_logging
from bridge.pipelines.installed import installed_pipelines
from bridge.settings import Settings

_DEFAULT_KEY = "record.requested.v1"
_KIND_PARTS = 3  # <subject>.<verb>.v1
_NO = frozenset({REQUEST_FAILED, REQUEST_REJECTED, APPOINTMENT_REFUSED, REGISTRATION_REFUSED})
_NOT_YET = frozenset({APPOINTMENT_IN_DOUBT, REGISTRATION_IN_DOUBT})


def send(file: Path, key: str | None, seconds: float | None, *, is_checked: bool) -> None:
    """Send one request; with `seconds`, wait so long for the last event about it."""
    settings = Settings.load()
    configure_logging("warning", settings.log.format)
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        content = orjson.loads(body)
    except (OSError, orjson.JSONDecodeError):
        typer.echo(f"{file}: is not a readable JSON file", err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
    raise typer.Exit(asyncio.run(_send(settings, body, content, key, seconds, is_checked=is_checked)))


async def _send(
    settings: Settings,
    body: bytes,
    content: Any,
    key: str | None,
    seconds: float | None,
    *,
    is_checked: bool,
) -> Exit:
    event = content if isinstance(content, dict) and "specversion" in content else {}
    request_id = str(event.get("id") or uuid4())
    correlation_id = str(event.get("correlationid") or request_id)
    routing_key = key or _key_of(str(event.get("type") or _DEFAULT_KEY), settings.events.type_prefix)
    async with open_bus(settings, join=True) as bus, bus.listen() as events:
        if is_checked and not await _is_attended(bus, settings.bus.prefix, routing_key):
            typer.echo(
                f"nothing sent: no worker takes {routing_key}; start one (bridge run), "
                "or let the request wait for one (--unattended)",
                err=True,
            )
            return Exit.UNAVAILABLE
        try:
            await bus.send(
                routing_key,
                body,
                id=request_id,
                content_type=STRUCTURED if event else "application/json",
                correlation_id=correlation_id,
            )
        except Unpublishable as fault:
            typer.echo(f"the bus does not take the request ({fault.reason}); is a worker running?", err=True)
            return Exit.UNAVAILABLE
        if seconds is None:
            typer.echo(request_id)
            return Exit.OK
        try:
            async with asyncio.timeout(seconds):
                return await _print_until_final(events, correlation_id)
        except TimeoutError:
            typer.echo(f"no final event within {seconds:g} s; is a worker running?", err=True)
            return Exit.UNAVAILABLE


async def _is_attended(bus: QueueInspection, prefix: str, routing_key: str) -> bool:
    """Whether a worker takes requests with this key; of a key that is none of ours the bus must say."""
    takers = [one for one in installed_pipelines() if any(o.accepts == routing_key for o in one.operations)]
    return all([await bus.is_attended(taker.queue(prefix)) for taker in takers])


def _key_of(event_type: str, prefix: str) -> str:
    """What follows our own prefix in a type; of a type with another one its last parts."""
    if event_type.startswith(f"{prefix}."):
        return event_type.removeprefix(f"{prefix}.")
    return ".".join(event_type.split(".")[-_KIND_PARTS:])


async def _print_until_final(events: AsyncIterator[Delivery], correlation_id: str) -> Exit:
    async for delivery in events:
        if delivery.correlation_id != correlation_id:
            continue
        event = orjson.loads(delivery.body)
        sys.stdout.buffer.write(orjson.dumps(event, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        sys.stdout.flush()
        if delivery.key in _NO:
            return Exit.NO
        if delivery.key in _NOT_YET:
            continue
        number, _, total = event["sequence"].partition("/")
        if number == total:
            return Exit.OK
    return Exit.UNAVAILABLE
