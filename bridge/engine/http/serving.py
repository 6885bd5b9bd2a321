"""HTTP endpoints of a worker, served beside its work, which whoever opens connections cannot stop.

Anybody who reaches the port may open connections, before any token is asked for. So a port has a bound of
its own, an eighth of the files that a process may have open and a hundred at most: when it is reached, the
connection that was opened first makes room for the next one. One that asks nothing is closed after a while,
and none stays for ever. What is left of the files is the reserve that work has, for its calls and its broker.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import TlsFiles
from bridge.observe import record
from bridge.observe.causes import is_lack_of_files
from bridge.observe.vocabulary.process import PortFull
from bridge.tasks import end

_BACKLOG: Final = 64
"""Connections that are accepted in one go, and so over the bound for a moment; never more than the bound."""
_SHARE: Final = 8
"""Of so many files that a process may have open a port takes one; twice that for a moment, see `_BACKLOG`."""
_MOST_FILES: Final = 65_536
_ACCEPT_PAUSE: Final = 0.5
"""Seconds after a lack of files in which no other is raised; less than the event loop waits."""
_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the files of the certificate."""
_TELL_EVERY: Final = 60.0
"""Seconds between two log lines about a port that is full."""


@dataclass(frozen=True, slots=True)
class PortLimits:
    """What those who connect may take.

    Attributes:
        connections: open at a time, TLS handshakes included; fewer where the process may have few files.
        silence: seconds until a connection must have asked for something, whole.
        lifetime: seconds after which a connection is closed whatever it does; a large event takes a while.
    """

    connections: int = 100
    silence: float = 10.0
    lifetime: float = 300.0

    def most(self) -> int:
        """Connections at a time that leave the work of this process enough files."""
        files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            return self.connections
        return max(1, min(self.connections, files // _SHARE))


class _PortServer(uvicorn.Server):
    """Leaves the signals to the worker, which stops in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Listener(socket.socket):
    """Closes the connection that was opened first when there are too many, whatever it has said."""

    most: int
    opened: deque[socket.socket]
    told_at: float
    lacked_at: float

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            connection, peer = super().accept()
        except OSError as error:
            # The event loop says so, waits a second and tries again; but it would not stop at the first one,
            # and say it once for each connection that it takes in one go.
            if is_lack_of_files(error):
                if time.monotonic() - self.lacked_at < _ACCEPT_PAUSE:
                    raise BlockingIOError from None
                self.lacked_at = time.monotonic()
            raise
        self.opened = deque(each for each in self.opened if each.fileno() >= 0)
        while len(self.opened) >= self.most:
            with contextlib.suppress(OSError):
                self.opened.popleft().shutdown(socket.SHUT_RDWR)
            if time.monotonic() - self.told_at >= _TELL_EVERY:
                self.told_at = time.monotonic()
                record(PortFull(self.getsockname()[1], self.most))
        self.opened.append(connection)
        return connection, peer


def _listener(host: str, port: int, most: int) -> _Listener:
    (family, kind, protocol, _name, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listener = _Listener(family, kind, protocol)
    listener.most, listener.opened = most, deque()
    listener.told_at = listener.lacked_at = -_TELL_EVERY
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _protocol(limits: PortLimits) -> type[asyncio.Protocol]:
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
    limits: PortLimits = PortLimits(),
) -> AsyncIterator[None]:
    """Serve `app` while the block runs, over TLS when there is a certificate, which may be replaced.

    Raises:
        OSError: the port cannot be had.
        Misconfigured: a file of a certificate is not what it should be.
    """
    secured = tls.renewed_server("port_tls") if tls is not None and tls.cert is not None else None
    most = limits.most()
    listener = _listener(host, port, most)
    server = _PortServer(
        uvicorn.Config(
            app,
            http=_protocol(limits),
            ws="none",
            backlog=min(_BACKLOG, most),
            ssl_context_factory=(lambda _config, _default: secured()) if secured else None,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,  # who connects is who it is: nobody's header says otherwise
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    chores = [asyncio.create_task(_renew(secured))] if secured else []
    try:
        yield
    finally:
        await end(*chores)
        server.should_exit = True
        await task
        listener.close()


async def _renew(secured: Reloaded[ssl.SSLContext]) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        secured()


def open_file_limit() -> None:
    """Let this process have as many files open as it may: each call and connection of the broker is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
