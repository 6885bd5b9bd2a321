"""A port for probes: a few paths, asked for without a body, and one answer for each connection.

A platform and Prometheus ask no more than that; a framework and its server were a fifteenth of a start.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from httptools import (
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
    parse_url,
)

from bridge.engine.http.gate import USUAL, Gate, PortLimits, listener
from bridge.tasks import end

_MOST_ASKED: Final = 16 * 1024
"""Bytes of a request, its head and its body."""


class Shown(NamedTuple):
    """What is said of a path.

    Attributes:
        status: of HTTP.
        body: what is told.
        media_type: of the body.
    """

    status: HTTPStatus
    body: bytes
    media_type: str


Paths = Mapping[bytes, Callable[[], Awaitable[Shown]]]


@asynccontextmanager
async def answering(paths: Paths, *, host: str, port: int, limits: PortLimits = USUAL) -> AsyncIterator[None]:
    """Shown GET and HEAD of these paths while the block runs.

    Raises:
        OSError: the port cannot be had.
    """
    connected: set[_Visit] = set()
    gate = Gate(
        listener(host, port),
        limits.most(),
        lambda: _Visit(paths, limits, connected),
        None,
        limits.silence,
    )
    try:
        yield
    finally:
        answers = [task for each in connected if (task := each.leave()) is not None]
        await gate.close()  # after that: of one that just came, libuv's loop would not say that it is closed
        await end(*answers)


class _Visit(asyncio.Protocol):
    """Reads one request, answers it, and closes.

    Args:
        paths: that there are.
        limits: of the port.
        connected: the connections that are open, or being answered; this one is among them while it is.
    """

    def __init__(self, paths: Paths, limits: PortLimits, connected: "set[_Visit]") -> None:
        self._paths = paths
        self._limits = limits
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self._parser = HttpRequestParser(self)
        self._came = 0
        self._target = b""
        self._head_is_read = False
        self._asks_leave = False
        self._with_body = True
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # asyncio's own
        self._transport = transport
        self._connected.add(self)
        self._silence = self._loop.call_later(self._limits.silence, transport.abort)
        self._end = self._loop.call_later(self._limits.lifetime, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._silence.cancel()
        self._end.cancel()
        if self._task is None:
            self._connected.discard(self)
        else:  # not cut off: a driver in the middle of a question would take that for a broken link
            self._task.add_done_callback(lambda _task: self._connected.discard(self))

    def leave(self) -> asyncio.Task[None] | None:
        """Close the connection now; what was being answered on it, if anything."""
        self._transport.abort()
        return self._task

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._came += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # to what nobody here speaks: the request is answered as it is
        except HttpParserError:
            if self._task is None:
                self._say(HTTPStatus.BAD_REQUEST)
        else:
            if self._task is None and self._came > _MOST_ASKED:
                self._say(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                    if self._head_is_read
                    else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                )

    def on_url(self, part: bytes) -> None:
        """A part of the request's target, as the parser found it."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of the request's headers."""
        self._asks_leave |= (name.lower(), value.lower()) == (b"expect", b"100-continue")

    def on_headers_complete(self) -> None:
        """The head is read. Who asks for leave to send a body gets its answer now: no body changes it."""
        self._head_is_read = True
        if self._asks_leave:
            self.on_message_complete()

    def on_message_complete(self) -> None:
        """The request is whole; another one on this connection is neither read nor answered."""
        if self._task is not None or self._transport.is_closing():
            return
        self._silence.cancel()
        self._transport.pause_reading()
        self._task = self._loop.create_task(self._answer(self._target, self._parser.get_method()))

    async def _answer(self, target: bytes, method: bytes) -> None:
        self._with_body = method != b"HEAD"
        found = self._paths.get(_path(target))
        if found is None:
            self._say(HTTPStatus.NOT_FOUND)
        elif method not in (b"GET", b"HEAD"):
            self._say(HTTPStatus.METHOD_NOT_ALLOWED)
        else:
            try:
                self._write(await found())
            except Exception as error:  # noqa: BLE001 - whoever asks gets an answer, and the log the error
                self._loop.call_exception_handler(
                    {"message": "a probe cannot be answered", "exception": error}
                )
                self._say(HTTPStatus.INTERNAL_SERVER_ERROR)
            finally:
                self._transport.close()  # also where a driver cancelled what was waited for

    def _say(self, status: HTTPStatus) -> None:
        self._write(Shown(status, status.phrase.encode(), "text/plain; charset=utf-8"))

    def _write(self, told: Shown) -> None:
        allowed = "allow: GET, HEAD\r\n" if told.status is HTTPStatus.METHOD_NOT_ALLOWED else ""
        head = (
            f"HTTP/1.1 {told.status.value} {told.status.phrase}\r\ndate: {formatdate(usegmt=True)}\r\n"
            f"content-type: {told.media_type}\r\ncontent-length: {len(told.body)}\r\n"
            f"{allowed}connection: close\r\n\r\n"
        )
        # Libuv's loop raises where the connection is closed, and may have said until then that it is open.
        with suppress(RuntimeError):
            self._transport.write(head.encode() + (told.body if self._with_body else b""))
        self._transport.close()


def _path(target: bytes) -> bytes:
    """Of a request's target, however it is written; empty where it has none, as ``*``."""
    try:
        path = parse_url(target).path or b""
    except HttpParserInvalidURLError:
        return b""
    return unquote_to_bytes(path).removesuffix(b"/")
