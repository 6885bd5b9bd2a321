"""The listener: messages in by MLLP, an acknowledgement to each, and bounds around whoever sends.

What a message means, and what is done with it, is the business of whoever listens (`Answering`).
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import TlsFiles
from bridge.errors import Misconfigured
from bridge.mllp.framing import FrameBroken, begins, framed, rest_of_frame
from bridge.observe import record
from bridge.observe.vocabulary.mllp import ListenerFull, ListenerStarted, SenderCutOff
from bridge.settings import ListenerSettings
from bridge.tasks import end

Answering = Callable[[bytes], Awaitable[bytes]]
"""Takes a message and gives its acknowledgement. It never raises."""

_LOOK_EVERY: Final = 1.0
_HANDSHAKE: Final = 10.0
"""Seconds."""
_WRITE: Final = 10.0
"""Seconds that a sender has to take its acknowledgement."""
_FAREWELL: Final = 1.0
_BACKLOG: Final = 20


class _Listening:
    """The connections of a listener."""

    def __init__(self, settings: ListenerSettings, answer: Answering) -> None:
        self._settings = settings
        self._answer = answer
        self._open: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, to its end."""
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task of its own"
        self._open.add(task)
        try:
            if len(self._open) > self._settings.max_connections or self._stopping:
                record(ListenerFull(self._settings.max_connections))
                return
            await self._serve(reader, writer, task)
        except (FrameBroken, TimeoutError) as fault:
            reason = fault.reason if isinstance(fault, FrameBroken) else "too_slow"
            record(SenderCutOff(reason))
        except OSError:
            record(SenderCutOff("connection_broken"))
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(_FAREWELL):
                    await writer.wait_closed()
            writer.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        """One message after the other; the next is read when the last one is acknowledged."""
        while not self._stopping:
            try:
                async with asyncio.timeout(self._settings.idle_seconds):
                    if not await begins(reader):
                        return
            except TimeoutError:
                return  # nothing was lost: it connects again when it has something
            async with asyncio.timeout(self._settings.frame_seconds):
                message = await rest_of_frame(reader)
            self._busy.add(task)
            try:
                acknowledgement = await self._answer(message)
                async with asyncio.timeout(_WRITE):
                    writer.write(framed(acknowledgement))
                    await writer.drain()
            finally:
                self._busy.discard(task)

    async def stop(self, grace: float) -> None:
        """End what is idle, and wait for what has a message in hand."""
        self._stopping = True
        for task in self._open - self._busy:
            task.cancel()
        if self._open:
            _, late = await asyncio.wait(self._open, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


@asynccontextmanager
async def listening(settings: ListenerSettings, answer: Answering, *, grace: float) -> AsyncIterator[int]:
    """Take messages while the block runs; the port, which the system chooses where none is set (0).

    Args:
        settings: with a port.
        answer: gives the acknowledgement of each message.
        grace: seconds that a message in hand gets at the end.

    Raises:
        Misconfigured: the port cannot be had, or a file of a certificate is not what it should be.
    """
    secured = _secured(settings)
    connections = _Listening(settings, answer)
    try:
        server = await asyncio.start_server(
            connections,
            settings.host,
            settings.port,
            limit=settings.max_bytes,
            backlog=_BACKLOG,
            ssl=secured() if secured else None,
            ssl_handshake_timeout=_HANDSHAKE if secured else None,
        )
    except OSError as error:
        raise Misconfigured(f"BRIDGE_LISTENER_PORT: cannot be listened on ({error.strerror})") from None
    port = server.sockets[0].getsockname()[1]
    chores = [asyncio.create_task(_renew(secured))] if secured else []
    record(ListenerStarted(port))
    try:
        yield port
    finally:
        await end(*chores)
        server.close()
        await connections.stop(grace)
        await server.wait_closed()


def _secured(settings: ListenerSettings) -> Reloaded[ssl.SSLContext] | None:
    """None where it has no certificate."""
    files = TlsFiles.of("BRIDGE_LISTENER", settings)
    return files.renewed_server("listener_tls") if files.cert else None


async def _renew(secured: Reloaded[ssl.SSLContext]) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        secured()
