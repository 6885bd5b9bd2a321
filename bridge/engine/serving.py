"""HTTP endpoints of a worker, served beside its work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette


class _Server(uvicorn.Server):
    """Leaves the signals to the worker, which stops in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    app: Starlette, *, host: str, port: int, cert_file: Path | None = None, key_file: Path | None = None
) -> AsyncIterator[None]:
    """Serve `app` while the block runs, over TLS when there is a certificate."""
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            ssl_certfile=cert_file,
            ssl_keyfile=key_file,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
        )
    )
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task
