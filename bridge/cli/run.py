"""``bridge run`` and ``bridge sandbox``: the two that run until they are stopped."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bridge.engine import installed_pipelines
from bridge.engine.worker import run_worker
from bridge.observe import configure_logging
from bridge.sandbox import SandboxOptions, serve
from bridge.settings import Settings


def run(
    only: Annotated[
        list[str] | None, typer.Option("--pipeline", help="Run this pipeline only; may be repeated.")
    ] = None,
) -> None:
    """Run a worker: read requests from the bus until SIGTERM, then finish what is in flight."""
    settings = Settings.load()
    configure_logging(settings.log.level, settings.log.format)
    asyncio.run(run_worker(settings, installed_pipelines(only or ())))


def sandbox(
    records: Annotated[
        Path | None,
        typer.Option(help="Serve the bundle files of this directory by the NHS number in them.", exists=True),
    ] = None,
    env_file: Annotated[
        Path, typer.Option(help="Where to write the BRIDGE_* variables that a worker needs.")
    ] = Path(".bridge/sandbox.env"),
) -> None:
    """Run PDS, SDS, the Spine proxy and a GP practice as real servers on this machine, with test patients."""
    configure_logging("warning")
    asyncio.run(serve(SandboxOptions(records=records), env_file=env_file))
