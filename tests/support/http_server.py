"""An HTTP server that shows the bytes: the request as it was on the wire, the answer as the test writes it."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import orjson


@dataclass(frozen=True)
class Request:
    """What came: the target exactly as on the request line, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


class HttpServer:
    """Listens on a free port of this machine while the block runs.

    Args:
        handler: writes the answer; closing the writer ends the connection.
        tls: serve HTTPS with this context.
        host: the name in `url`.
    """

    def __init__(
        self, handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "localhost"
    ) -> None:
        self._handler = handler
        self._tls = tls
        self._host = host
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._closed = asyncio.Event()
        self.requests: list[Request] = []
        self.connections = 0

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._open)

    async def closed(self) -> None:
        """Return when the next connection has been closed."""
        self._closed = asyncio.Event()
        await self._closed.wait()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*(task for task in self._open.values() if task))
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open[writer] = asyncio.current_task()
        try:
            while not writer.is_closing():
                request = await _read(reader)
                self.requests.append(request)
                await self._handler(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()
            del self._open[writer]
            self._closed.set()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


def answer(
    body: bytes | object = b"",
    *,
    status: int = 200,
    content_type: str | None = "application/fhir+json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A whole answer with a length; anything but bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    fields = {"Content-Length": str(len(content)), **(headers or {})}
    if content_type is not None:
        fields["Content-Type"] = content_type
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + content


def always(raw: bytes) -> Handler:
    """A handler that gives everybody the same answer."""

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return handler
