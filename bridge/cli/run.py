"""``bridge run``: a worker, until it is stopped."""

from collections.abc import Sequence

import typer
import uvloop

from bridge.cli.exits import Exit
from bridge.engine.worker import ConsumerLostError, check, run_worker
from bridge.heap import keep_large_blocks_apart, loading
from bridge.observe import configure_logging
from bridge.pipelines.installed import installed_pipelines
from bridge.settings import Settings


def run(only: Sequence[str]) -> None:
    """Run a worker of these pipelines; of all that are installed when none is named."""
    settings = Settings.load(check=check)
    configure_logging(settings.log.level, settings.log.format)
    keep_large_blocks_apart()
    with loading():
        pipelines = installed_pipelines(only)
    try:
        uvloop.run(run_worker(settings, pipelines))
    except ConsumerLostError:
        typer.echo("a consumer is gone: start again", err=True)
        raise typer.Exit(Exit.UNAVAILABLE) from None
