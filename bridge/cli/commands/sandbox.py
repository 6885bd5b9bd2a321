"""``bridge sandbox``: everything on the other side, until it is stopped."""

from pathlib import Path
from typing import Annotated

import typer


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
    from bridge.cli import sandbox

    sandbox.sandbox(records, env_file, first_port)
