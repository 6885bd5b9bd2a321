"""``bridge sandbox``: everything on the other side, until it is stopped."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bridge.errors import Misconfigured
from bridge.observe import configure_logging
from bridge.sandbox import SandboxOptions, serve


def sandbox(
    records: Annotated[
        Path | None,
        typer.Option(
            help="Serve the bundle files of this directory by the NHS number in them.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    env_file: Annotated[
        Path, typer.Option(help="Where to write the BRIDGE_* variables that a worker needs.")
    ] = Path(".bridge/sandbox.env"),
    first_port: Annotated[
        int, typer.Option(min=1, max=65532, help="Port of PDS; the three after it are SDS, proxy, practice.")
    ] = 9001,
) -> None:
    """Run PDS, SDS, the Spine proxy and a GP practice as real servers on this machine, with test patients."""
    configure_logging("warning")
    ports = (first_port, first_port + 1, first_port + 2, first_port + 3)
    try:
        asyncio.run(serve(SandboxOptions(records=records, ports=ports), env_file=env_file))
    except OSError as error:
        what = error.filename or f"ports {ports[0]} to {ports[-1]}"
        raise Misconfigured(f"{what}: cannot be used ({error.strerror})") from None
