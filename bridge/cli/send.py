"""``bridge send``: put a request on the bus as a hospital system would, and read what comes of it."""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

import orjson
import typer

from bridge.cli.exits import Exit
from bridge.cli.terminal import load_settings, print_json
from bridge.operations.sending import NotTaken, OutgoingRequest, RequestSender, Unattended, open_sender
from bridge.settings import Settings


def send(file: Path, key: str | None, seconds: float | None, *, is_checked: bool) -> None:
    """Send one request; with `seconds`, wait so long for the last event about it."""
    settings = load_settings()
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        request = OutgoingRequest.of(body, type_prefix=settings.events.type_prefix, key=key)
    except (OSError, orjson.JSONDecodeError):
        typer.echo(f"{file}: is not a readable JSON file", err=True)
        raise typer.Exit(Exit.UNREADABLE) from None
    raise typer.Exit(asyncio.run(_send(settings, request, seconds, is_checked=is_checked)))


async def _send(
    settings: Settings, request: OutgoingRequest, seconds: float | None, *, is_checked: bool
) -> Exit:
    async with open_sender(settings) as sender:
        try:
            await sender.send(request, unattended=not is_checked)
        except Unattended as fault:
            advice = "start one (bridge run), or let the request wait for one (--unattended)"
            typer.echo(f"{fault}; {advice}", err=True)
            return Exit.UNAVAILABLE
        except NotTaken as fault:
            typer.echo(f"{fault}; is a worker running?", err=True)
            return Exit.UNAVAILABLE
        if seconds is None:
            typer.echo(request.id)
            return Exit.OK
        try:
            async with asyncio.timeout(seconds):
                return await _print_answers(sender, request)
        except TimeoutError:
            typer.echo(f"no final event within {seconds:g} s; is a worker running?", err=True)
            return Exit.UNAVAILABLE


async def _print_answers(sender: RequestSender, request: OutgoingRequest) -> Exit:
    async with aclosing(sender.answers(request.correlation_id)) as answers:
        async for answer in answers:
            print_json(answer.event)
            if answer.so_far != "open":
                return Exit.OK if answer.so_far == "done" else Exit.NO
    return Exit.UNAVAILABLE
