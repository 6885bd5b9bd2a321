"""A port of a worker, and who is let in: whoever opens connections cannot stop the work beside it.

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
from collections.abc import Callable
from typing import Final

from bridge.observe import record
from bridge.observe.vocabulary.process import PortFull
from bridge.tasks import end
from bridge.values import dataclass

_BACKLOG: Final = 64
"""Connections that are accepted in one go, and so over the bound for a moment; never more than the bound."""
_SHARE: Final = 8
"""Of so many files that a process may have open a port takes one; twice that for a moment, see `_BACKLOG`."""
_MOST_FILES: Final = 65_536
_ACCEPT_PAUSE: Final = 1.0
"""Seconds after a lack of files in which nobody is let in."""
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


USUAL: Final = PortLimits()


class Gate:
    """Lets connections in, and closes that which was opened first when there are too many, whatever it said.

    Not left to the event loop: libuv's shows a connection over TLS to nobody before the handshake is over.

    Args:
        listener: bound.
        most: connections open at a time.
        protocol: of each.
        tls: None: in plain text.
        silence: seconds for the handshake.
    """

    def __init__(
        self,
        listener: socket.socket,
        most: int,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        silence: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._most = most
        self._protocol = protocol
        self._tls = tls
        self._handshake = None if tls is None else silence
        self._opened: dict[socket.socket, asyncio.Transport | None] = {}
        self._entering: set[asyncio.Task[None]] = set()
        self._told_at = -_TELL_EVERY
        self._again: asyncio.TimerHandle | None = None
        listener.setblocking(False)  # noqa: FBT003 - positional only
        listener.listen(min(_BACKLOG, most))
        self._open()

    async def close(self) -> None:
        """Let nobody in any more."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        await end(*self._entering)

    def _open(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(min(_BACKLOG, self._most)):
            try:
                connection, _peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file is left, or no memory: one who waits is asked in later
                self._loop.remove_reader(self._listener)
                self._again = self._loop.call_later(_ACCEPT_PAUSE, self._open)
                told = {"message": "socket.accept() out of system resource", "exception": error}
                self._loop.call_exception_handler(told)
                return
            connection.setblocking(False)  # noqa: FBT003 - positional only
            self._make_room()
            self._opened[connection] = None
            entering = self._loop.create_task(self._enter(connection))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    def _make_room(self) -> None:
        self._opened = {each: made for each, made in self._opened.items() if each.fileno() >= 0}
        while len(self._opened) >= self._most:
            first = next(iter(self._opened))
            transport = self._opened.pop(first)
            with contextlib.suppress(OSError):
                first.shutdown(socket.SHUT_RDWR)
            if transport is not None:
                transport.abort()  # one that reads nothing while its answer is made sees no other end
            if time.monotonic() - self._told_at >= _TELL_EVERY:
                self._told_at = time.monotonic()
                record(PortFull(self._listener.getsockname()[1], self._most))

    async def _enter(self, connection: socket.socket) -> None:
        try:
            transport, _protocol = await self._loop.connect_accepted_socket(
                self._protocol, connection, ssl=self._tls, ssl_handshake_timeout=self._handshake
            )
            if connection in self._opened:
                self._opened[connection] = transport
            else:
                transport.abort()  # it has made room meanwhile
        except OSError:  # gone, or no TLS that both know
            connection.close()


def listener(host: str, port: int) -> socket.socket:
    """A socket that is bound there.

    Raises:
        OSError: the port cannot be had.
    """
    (family, kind, protocol, _name, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def open_file_limit() -> None:
    """Let this process have as many files open as it may: each call and connection of the broker is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
