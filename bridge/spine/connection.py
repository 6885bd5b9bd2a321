"""One HTTP/1.1 connection: one request at a time, and its answer.

What comes is parsed by llhttp, which Node and uvicorn use too; what leaves is what it was given, byte for
byte. httpx does the same in four layers of Python, which was a fifth of what a request cost.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from bridge.spine.sending import LastWord
from bridge.tasks import end

_NEXT_ADDRESS: Final = 0.25
"""Seconds after which the next address of a name is tried beside the first (RFC 8305)."""
_MOST_BESIDE: Final = 100 * 1024
"""Bytes in a row that are no part of a body: heads, interim answers, extensions of chunks, trailers."""
_MOST_HELD: Final = 256 * 1024
"""Bytes of a body that wait to be taken; then nothing more is read."""
_HUNG_UP: Final = "tls_unexpected_eof_while_reading"
_UNSENT_PAUSE: Final = 0.005
_FINAL: Final = 200
_WITHOUT_BODY: Final = frozenset({204, 304})


class HttpOrigin(NamedTuple):
    """A server: where to connect, and as what it is addressed."""

    secure: bool
    host: str
    port: int
    authority: str


class Unconnected(Exception):  # noqa: N818 - what it is
    """There is no connection, or there is none any more; `result` says how it ended."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


async def connect(origin: HttpOrigin, tls: ssl.SSLContext | None, seconds: float) -> "Connection":
    """Connect to a server, with TLS where it is addressed so.

    Args:
        origin: the server.
        tls: how to verify it; None where it is not addressed so.
        seconds: for all of it, the handshake included.

    Raises:
        Unconnected: ``connect_timeout``, ``connect_failed`` or a code of TLS; why is its cause.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            # A host may be listed once for each way to reach it.
            hosts = list(dict.fromkeys(str(address[0]) for *_, address in found))
            if len(hosts) == 1:
                connection = await _attempt(hosts[0], origin.port)
            else:
                connection = await _quickest(hosts, origin.port)
            if tls is not None:
                await connection.secure(tls, origin.host)
    except TimeoutError:
        raise Unconnected("connect_timeout") from None
    except OSError as error:
        raise Unconnected("connect_failed") from error
    return connection


async def _attempt(host: str, port: int) -> "Connection":
    _transport, connection = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return connection


async def _quickest(hosts: Sequence[str], port: int) -> "Connection":
    """The first connection of several addresses, each tried beside those that do not answer soon.

    asyncio's own way (`happy_eyeballs_delay`) loses a socket when it is cancelled.
    """
    attempts: list[asyncio.Task[Connection]] = []
    kept: Connection | None = None
    fault: BaseException | None = None
    untried = iter(hosts)
    try:
        while True:
            if (host := next(untried, None)) is not None:
                attempts.append(asyncio.create_task(_attempt(host, port)))
            running = [attempt for attempt in attempts if not attempt.done()]
            if running:
                soon = None if host is None else _NEXT_ADDRESS
                await asyncio.wait(running, timeout=soon, return_when=asyncio.FIRST_COMPLETED)
            for attempt in attempts:
                if attempt.done() and (fault := attempt.exception()) is None:
                    kept = attempt.result()
                    return kept
            if fault is not None and host is None and all(attempt.done() for attempt in attempts):
                raise fault
    finally:
        await end(*attempts)
        for attempt in attempts:
            if not attempt.cancelled() and attempt.exception() is None and attempt.result() is not kept:
                attempt.result().abort()


class Connection(asyncio.Protocol):
    """A connection that stands.

    Attributes:
        status: of the answer.
        headers: of the answer; names in lower case, values of the same name joined with a comma.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._socket: asyncio.Transport
        self._transport: asyncio.Transport
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # As lenient as h11 was: neither lets anybody take one answer for another.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._poll = select.poll()
        self._waiter: asyncio.Future[None] | None = None
        self._fault: Unconnected | None = None
        self._is_asked = self._has_head = self._is_complete = self._is_kept = False
        self._lasts_to_the_end = self._is_paused = False
        self._pieces: list[bytes] = []
        self._held = self._beside = 0
        self._until = 0.0

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Agree on TLS, before anything is asked.

        Raises:
            OSError: it cannot be agreed on; an `ssl.SSLError` says why.
            Unconnected: the other side hung up, as OpenSSL calls it.
        """
        try:
            found = await self._loop.start_tls(self._socket, self, tls, server_hostname=host)
        except ConnectionError as error:  # asyncio's, where it could tell of an end in the middle of TLS
            self._socket.abort()
            raise Unconnected(_HUNG_UP) from error
        except BaseException:
            self._socket.abort()
            raise
        self._transport = cast("asyncio.Transport", found)

    @property
    def is_kept(self) -> bool:
        """Whether the answer came whole, and the other side keeps the connection too, as far as is known."""
        return (
            self._is_complete
            and self._is_kept
            and self._fault is None
            and not self._unsent()  # an early answer: what is left would be taken for the next request
            and not self._transport.is_closing()
        )

    @property
    def may_be_used_again(self) -> bool:
        """Whether it is kept, and there is nothing to be read.

        Nobody has asked for that: it would be taken for the next answer.
        """
        return self.is_kept and not self._poll.poll(0)

    async def ask(
        self, head: bytes, body: bytes, *, write: float, read: float, until: float, word: LastWord | None
    ) -> None:
        """Send a request, and wait for the head of its answer.

        Args:
            head: the request line and all headers.
            body: what follows.
            write: seconds until it has been taken by the operating system.
            read: seconds between two reads.
            until: when all of the answer must have been read, by the clock of the event loop.
            word: is asked before each of them leaves, and told when both have.

        Raises:
            Unconnected: ``write_timeout``, ``read_timeout``, ``deadline``, ``protocol_broken``,
                ``connection_broken``.
            HeldBack: `word` forbids it.
        """
        self.status, self.headers = 0, {}
        self._pieces, self._held, self._beside = [], 0, 0
        self._has_head = self._is_complete = self._is_kept = self._lasts_to_the_end = False
        self._is_asked = True
        self._until = until
        if word is None:
            await self._write(head + body, write)
        else:
            word.check()
            await self._write(head, write)
            word.check()
            await self._write(body, write)
            word.sent()
        while not self._has_head:
            await self._wait(read)

    async def read(self, seconds: float) -> list[bytes]:
        """The next pieces of the body; none when all have been given.

        Args:
            seconds: between two reads.

        Raises:
            Unconnected: as `ask` does.
        """
        while not self._pieces and not self._is_complete:
            await self._wait(seconds)
        pieces, self._pieces, self._held = self._pieces, [], 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return pieces

    def abort(self) -> None:
        """Close it at once."""
        self._transport.abort()

    async def _write(self, data: bytes, seconds: float) -> None:
        self._check()
        self._transport.write(data)
        if self._unsent():
            patience, result = self._patience(seconds, "write_timeout")
            try:
                async with asyncio.timeout(patience):
                    # Over TLS nobody tells when the socket's own buffer is empty.
                    while self._unsent() and not self._has_head:  # noqa: ASYNC110 - as above
                        await asyncio.sleep(_UNSENT_PAUSE)
            except TimeoutError:
                raise Unconnected(result) from None

    def _unsent(self) -> int:
        """Bytes that the operating system has not taken yet, and that a connection is left to take."""
        if self._fault is not None:
            return 0
        return self._transport.get_write_buffer_size() + self._socket.get_write_buffer_size()

    async def _wait(self, seconds: float) -> None:
        """Until something comes."""
        self._check()
        self._waiter = self._loop.create_future()
        patience, result = self._patience(seconds, "read_timeout")
        timer = self._loop.call_later(patience, self._fail, result)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None
        self._check()

    def _patience(self, seconds: float, result: str) -> tuple[float, str]:
        """How long to wait, and what it is when that is over: the end of this step, or of the whole call."""
        left = self._until - self._loop.time()
        return (seconds, result) if seconds < left else (left, "deadline")

    def _check(self) -> None:
        """Raises what broke it before the answer was complete."""
        if self._fault is not None and not self._is_complete:
            raise self._fault

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, result: str, cause: BaseException | None = None) -> None:
        if self._fault is None:
            self._fault = Unconnected(result)
            self._fault.__cause__ = cause
        self._wake()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._socket = self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self._parser is None or not self._is_asked or self._is_complete:
            self._fail("protocol_broken")  # nobody asked for it
            self._transport.abort()
            return
        self._beside += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._is_kept = False
            if not self._is_complete:
                self._fail("protocol_broken", error)
        if self._beside > _MOST_BESIDE:
            self._fail("protocol_broken")
        self._wake()

    def eof_received(self) -> None:
        """The other side sends nothing more."""
        if self._lasts_to_the_end and self._fault is None:
            self._is_complete = True
        self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone."""
        self._parser = None  # which knows this object
        self._is_kept = False
        if not self._is_complete:
            self._fail("protocol_broken" if error is None else "connection_broken", error)
        self._wake()

    # What the parser tells.

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self._is_complete:
            self._is_kept = False  # one that nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody needs."""
        if self._has_head:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """The head is complete."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if self._is_complete:
            return
        if status < _FINAL:  # an interim answer
            self.headers = {}
            return
        self.status, self._has_head = status, True
        self._lasts_to_the_end = (
            status not in _WITHOUT_BODY
            and "content-length" not in self.headers
            and "transfer-encoding" not in self.headers
        )

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._is_complete:
            return
        self._beside = 0
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > _MOST_HELD and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """All of an answer has come."""
        if self._has_head and not self._is_complete and self._parser is not None:
            self._is_complete = True
            self._is_kept = self._parser.should_keep_alive()
