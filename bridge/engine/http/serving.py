"""A web application, served beside the work of this process: claims, and the console."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import TlsFiles
from bridge.engine.http.gate import USUAL, Gate, PortLimits, listener
from bridge.tasks import end

_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the files of the certificate."""


class _PortServer(uvicorn.Server):
    """HTTP on what a `Gate` lets in; leaves the signals to the worker, which stops in its own order."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's own
        self.servers = []
        self.started = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _protocol(limits: PortLimits) -> type[H11Protocol]:
    class Bounded(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
            super().connection_made(transport)
            self._end = self.loop.call_later(limits.lifetime, transport.abort)
            self._wait: asyncio.TimerHandle | None = self.loop.call_later(limits.silence, transport.abort)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            asks = self.cycle is None or self.cycle.response_complete
            if asks and self._wait is None:
                self._wait = self.loop.call_later(limits.silence, self.transport.abort)
            elif not asks and self._wait is not None:
                self._wait.cancel()
                self._wait = None

        def connection_lost(self, exc: Exception | None) -> None:
            self._end.cancel()
            if self._wait is not None:
                self._wait.cancel()
            super().connection_lost(exc)

    return Bounded


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    tls: TlsFiles | None = None,
    limits: PortLimits = USUAL,
) -> AsyncIterator[None]:
    """Serve `app` while the block runs, over TLS when there is a certificate, which may be replaced.

    Raises:
        OSError: the port cannot be had.
        Misconfigured: a file of a certificate is not what it should be.
    """
    secured = tls.renewed_server("port_tls") if tls is not None and tls.cert is not None else None
    bounded = _protocol(limits)
    config = uvicorn.Config(
        app,
        http=bounded,
        ws="none",
        ssl_context_factory=(lambda _config, _default: secured()) if secured else None,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # who connects is who it is: nobody's header says otherwise
    )
    config.load()
    server = _PortServer(config)

    def protocol() -> asyncio.Protocol:
        return bounded(config=config, server_state=server.server_state, app_state={})

    gate = Gate(listener(host, port), limits.most(), protocol, config.ssl, limits.silence)
    task = asyncio.create_task(server.serve())
    chores = [asyncio.create_task(_renew(secured))] if secured else []
    try:
        yield
    finally:
        await end(*chores)
        await gate.close()
        server.should_exit = True
        await task


async def _renew(secured: Reloaded[ssl.SSLContext]) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        secured()
