"""A TCP proxy between a client and a real server, which cuts, delays and silences the link."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class TcpProxy:
    """Forwards ``proxy.url`` to `url`, or to the first of `others` that is there; faults act on every open link at once.

    Attributes:
        delay: seconds that every piece from the server is held back.
        links: how many links were opened so far.
        unspeakable: a link on which the server is about to send these bytes is cut instead.
    """

    def __init__(self, url: str, *others: str, host: str = "127.0.0.1") -> None:
        parts = urlsplit(url)
        self._targets = [_place(each) for each in (url, *others)]
        if not all(host and port for host, port in self._targets):
            raise ValueError("needs a host and a port")
        self._parts = parts
        self._host = host
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._valves: set[asyncio.Event] = set()
        self.delay = 0.0
        self.links = 0
        self.unspeakable: bytes | None = None

    @property
    def url(self) -> str:
        user = f"{self._parts.username}:{self._parts.password}@" if self._parts.username else ""
        return urlunsplit(self._parts._replace(netloc=f"{user}{self._host}:{self._port}"))

    async def __aenter__(self) -> Self:
        await self.heal()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        await asyncio.sleep(0.01)  # what is closed tells so in the next turns of the loop

    async def heal(self) -> None:
        """Accept connections (again)."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self._host, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Cut every link and refuse new ones, as if the server were gone."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def leave_out(self, url: str) -> None:
        """Lead new links past a server that is there, as a balancer does whose health check it does not pass."""
        self._targets.remove(_place(url))

    @property
    def open_links(self) -> int:
        """How many links are open at this moment."""
        return len(self._valves)

    def cut(self) -> None:
        """Reset every link; new ones are accepted at once."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def cut_in_turn(self) -> None:
        """Reset one link after the other, each in a turn of the loop, as the ends of a server's links arrive."""
        for writer in tuple(self._writers):
            writer.transport.abort()
            await asyncio.sleep(0)

    def silence(self) -> None:
        """Half-open: the links of this moment stay up, and nothing passes any more; new ones work."""
        for valve in self._valves:
            valve.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self._writers.add(writer)
        valve = asyncio.Event()
        valve.set()
        self._valves.add(valve)
        try:
            back_reader, back_writer = await self._reach()
            self._writers.add(back_writer)
            try:
                await asyncio.gather(
                    self._pump(reader, back_writer, valve, slow=False),
                    self._pump(back_reader, writer, valve, slow=True),
                )
            finally:
                await self._close(back_writer)
        except (OSError, asyncio.CancelledError):
            pass  # the server is away, or the test is over: the client sees its link close
        finally:
            await self._close(writer)
            self._valves.discard(valve)
            self._links.discard(link)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for host, port in self._targets[:-1]:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(host, port)
        return await asyncio.open_connection(*self._targets[-1])

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, valve: asyncio.Event, *, slow: bool
    ) -> None:
        try:
            while data := await reader.read(65536):
                if slow:
                    await asyncio.sleep(self.delay)
                    if self.unspeakable is not None and self.unspeakable in data:
                        return
                await valve.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _place(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port
