"""``bridge demo``: the whole story on one machine in a few seconds."""

from typing import Annotated

import typer


def demo(
    console: Annotated[  # noqa: FBT002 - typer's own form of a flag
        bool, typer.Option("--console", help="Then serve the console on loopback, until Ctrl-C.")
    ] = False,
) -> None:
    """Start sandbox, embedded bus and a worker, send a handful of requests, and show what came out."""
    from bridge.cli import demo

    demo.demo(with_console=console)
