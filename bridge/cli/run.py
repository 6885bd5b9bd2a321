"""``bridge run``: a worker, until it is stopped."""

import asyncio
from typing import Annotated

import typer

from bridge.cli.exits import Exit
from bridge.engine import installed_pipelines
from bridge.engine.worker import ConsumerLostError, run_worker
from bridge.observe import configure_logging
from bridge.settings import Settings


def run(
    only: Annotated[
        list[str] | None, typer.Option("--pipeline", help="Run this pipeline only; may be repeated.")
    ] = None,
) -> None:
    """Run a worker: read requests from the bus until SIGTERM, then finish what is in flight."""
    settings = Settings.load()
    configure_logging(settings.log.level, settings.log.format)
    try:
        asyncio.run(run_worker(settings, installed_pipelines(only or ())))
    except ConsumerLostError:
        typer.echo("a consumer is gone: start again", err=True)
        raise typer.Exit(Exit.UNAVAILABLE) from None
