"""``bridge run``: a worker, until it is stopped."""

from typing import Annotated

import typer

from bridge.heap import loading


def run(
    only: Annotated[
        list[str] | None, typer.Option("--pipeline", help="Run this pipeline only; may be repeated.")
    ] = None,
) -> None:
    """Run a worker: read requests from the bus until SIGTERM, then finish what is in flight."""
    with loading():
        from bridge.cli import run

    run.run(only or [])
