"""``bridge mllp send`` and ``bridge mllp listen``: until they are stopped."""

import asyncio
from collections.abc import Coroutine

import typer

from bridge.cli.exits import Exit
from bridge.engine.mllp.running import run_listener, run_sender
from bridge.engine.mllp.starting import check_listener, check_sender
from bridge.engine.worker import ConsumerLostError
from bridge.heap import keep_large_blocks_apart
from bridge.observe import configure_logging
from bridge.settings import Settings


def send() -> None:
    """Send HL7 v2 messages to the peer."""
    settings = Settings.load(check=check_sender)
    configure_logging(settings.log.level, settings.log.format)
    _run(run_sender(settings))


def listen() -> None:
    """Take HL7 v2 messages that ask for records."""
    settings = Settings.load(check=check_listener)
    configure_logging(settings.log.level, settings.log.format)
    _run(run_listener(settings))


def _run(process: Coroutine[object, object, None]) -> None:
    keep_large_blocks_apart()
    try:
        asyncio.run(process)
    except ConsumerLostError:
        typer.echo("a consumer is gone: start again", err=True)
        raise typer.Exit(Exit.UNAVAILABLE) from None
