"""``bridge sandbox``: everything on the other side, until it is stopped."""

import asyncio
from pathlib import Path

from bridge.errors import Misconfigured
from bridge.observe import configure_logging
from bridge.sandbox import SandboxOptions, serve


def sandbox(records: Path | None, env_file: Path, first_port: int) -> None:
    """Run the servers of the other side."""
    configure_logging("warning")
    ports = (first_port, first_port + 1, first_port + 2, first_port + 3)
    try:
        asyncio.run(serve(SandboxOptions(records=records, ports=ports), env_file=env_file))
    except OSError as error:
        what = error.filename or f"ports {min(ports)} to {max(ports)}"
        raise Misconfigured(f"{what}: cannot be used ({error.strerror})") from None
