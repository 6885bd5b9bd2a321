"""A TCP proxy between a client and a real server, which cuts, delays and silences the link."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class TcpProxy:
    """Forwards ``proxy.url`` to `url`; each fault acts on every open link at once.

    Attributes:
        delay: seconds that bytes from the server are held back; what arrives meanwhile is sent in one piece.
        links: how many links were opened so far.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError("needs a host and a port")
        self._target = (parts.hostname, parts.port)
        self._parts = parts
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.delay = 0.0
        self.links = 0

    @property
    def url(self) -> str:
        user = f"{self._parts.username}:{self._parts.password}@" if self._parts.username else ""
        return urlunsplit(self._parts._replace(netloc=f"{user}127.0.0.1:{self._port}"))

    async def __aenter__(self) -> Self:
        await self.heal()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        self._flowing.set()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def heal(self) -> None:
        """Accept connections (again), and let bytes flow."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Cut every link and refuse new ones, as if the server were gone."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Reset every link; new ones are accepted at once."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def silence(self) -> None:
        """Half-open: links stay up, and nothing passes in either direction until `heal`."""
        self._flowing.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self._writers.add(writer)
        try:
            back_reader, back_writer = await asyncio.open_connection(*self._target)
            self._writers.add(back_writer)
            try:
                await asyncio.gather(
                    self._pump(reader, back_writer, slow=False), self._pump(back_reader, writer, slow=True)
                )
            finally:
                await self._close(back_writer)
        except OSError:
            pass  # the server is away: the client sees its link close
        finally:
            await self._close(writer)
            self._links.discard(link)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        try:
            while data := await reader.read(65536):
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                    while waiting := len(reader._buffer):  # type: ignore[attr-defined] # no public peek
                        data += await reader.read(waiting)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
