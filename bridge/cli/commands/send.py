"""``bridge send``: put a request on the bus as a hospital system would, and read what comes of it."""

from pathlib import Path
from typing import Annotated

import typer


def send(
    file: Annotated[
        Path,
        typer.Argument(
            help="A request as JSON: a CloudEvent, or its data alone; - reads standard input.",
            allow_dash=True,
        ),
    ],
    key: Annotated[
        str | None, typer.Option(help="Routing key; by default the end of the CloudEvent's type.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Print the events that answer it.")] = False,  # noqa: FBT002
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the last of them.")] = 60.0,
    unattended: Annotated[  # noqa: FBT002 - typer's own form of a flag
        bool,
        typer.Option("--unattended", help="Send it though no worker runs: it waits on the bus for one."),
    ] = False,
) -> None:
    """Send one request to the bus.

    With --wait every event about it is printed as it comes. Exit code 1 when the request failed, was
    rejected, or what it asks for was refused; 4, with nothing sent, when no worker takes such requests.
    """
    from bridge.cli import send

    send.send(file, key, timeout if wait else None, is_checked=not unattended)
