"""One HTTP call to one upstream: bounded in time and in bytes, and logged as one line.

What the client of a library would add cannot happen: redirects followed to wherever an answer points,
cookies, proxies from the environment, log lines with the URL.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from bridge.errors import BridgeError, FailureCode, HeldBack, Refused, ResponseInvalid, Stage, Unavailable
from bridge.observe import record
from bridge.observe.causes import causes, is_lack_of_files, tls_code
from bridge.observe.spans import Span, SpanAttributes, SpanKind, span
from bridge.observe.vocabulary.upstreams import UpstreamCall
from bridge.settings import Settings
from bridge.spine import sending
from bridge.spine.answer import Answer, BodyDecoder, BodyReader, BrokenEncoding, Receiver
from bridge.spine.bulkhead import Bulkhead
from bridge.spine.clock import ClockSkew
from bridge.spine.connection import Connection, HttpOrigin, Unconnected
from bridge.spine.connections import Connections
from bridge.values import dataclass

__all__ = ["Answer", "Limits", "Receiver", "Upstream"]

_SUCCESS: Final = 200
_LEAST_ERROR: Final = 400
_SILENT: Final = frozenset({"read_timeout", "deadline"})
"""How a connection ends to which nothing came."""
_PORTS: Final = {"http": 80, "https": 443}
_SENDABLE: Final = b"\t" + bytes(range(0x20, 0x7F))
"""What a line of a head may hold: no controls, and with them no end of it."""


class _Request(NamedTuple):
    """What is sent, who may forbid it at the last moment, what is told of it, and who takes its answer."""

    method: str
    origin: HttpOrigin
    head: bytes
    body: bytes
    word: sending.LastWord | None
    interaction: str
    trace_id: str
    practice_ods: str | None
    receiver: Receiver | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take.

    Attributes:
        connect, read, write: seconds for each step; `read` is between two reads.
        call: seconds for everything, so that a server that drips bytes does not hold a request for ever.
        response_bytes: of a decoded body.
        connections: in use at a time. No request needs more than one per upstream, so with as many as there
            are requests in flight nobody waits for one.
    """

    connect: float
    read: float
    write: float
    call: float
    response_bytes: int
    connections: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits an installation is configured with."""
        spine = settings.spine
        return cls(
            connect=spine.connect_timeout,
            read=spine.read_timeout,
            write=spine.read_timeout,
            call=spine.call_timeout,
            response_bytes=spine.max_response_bytes,
            connections=settings.bus.concurrency,
        )


class Upstream:
    """One server and its pool of connections.

    Args:
        name: as the log calls it.
        stage: where its failures happened.
        timeout_code: what it means when it was reached and did not answer in time.
        fault_code: what it means when it could not be reached, or the connection broke.
        limits: of each call.
        tls: gives the context for `https` addresses, which may be another one for the next connection.
        bulkhead: around every call.
        skew: hears of the date of every answer.
    """

    def __init__(
        self,
        name: Literal["pds", "sds", "ssp", "practice"],
        *,
        stage: Stage,
        timeout_code: FailureCode,
        fault_code: FailureCode,
        limits: Limits,
        tls: Callable[[], ssl.SSLContext],
        bulkhead: Bulkhead | None = None,
        skew: ClockSkew | None = None,
    ) -> None:
        self._name = name
        self._stage: Stage = stage
        self._timeout_code = timeout_code
        self._fault_code = fault_code
        self._limits = limits
        self._connections = Connections(tls, limit=limits.connections, timeout=limits.connect)
        self.bulkhead = bulkhead
        self._skew = skew

    async def call(
        self,
        method: Literal["GET", "POST", "PUT"],
        url: str,
        *,
        interaction: str,
        trace_id: str,
        headers: Mapping[str, str],
        content: bytes = b"",
        practice_ods: str | None = None,
        receiver: Receiver | None = None,
    ) -> Answer:
        """Make one call and read its whole answer.

        Args:
            method: HTTP verb.
            url: goes on the wire byte for byte after its host, nothing normalised. Never logged.
            interaction: what is being asked, for the log.
            trace_id: the id that both sides log.
            headers: all headers but `Host`, `Content-Length` and `Accept-Encoding`.
            content: the body.
            practice_ods: whose system is asked, when it is a practice's: for the log and the ledger.
            receiver: takes the body when the status is 200, however large it is.

        Raises:
            HeldBack: the circuit of this upstream is open, or no file is left for a connection. Nothing was
                sent.
            Unavailable: no complete answer came.
            ResponseInvalid: the answer is too large, or its encoding is broken.
            Refused: this is no HTTP request; nothing was sent.
        """
        origin, target = _split(url)
        request = _Request(
            method,
            origin,
            self._head(method, origin, target, headers, len(content)),
            content,
            sending.who_forbids(method),
            interaction,
            trace_id,
            practice_ods,
            receiver,
        )
        if self.bulkhead is None:
            return await self._send(request)
        return await self.bulkhead.run(partial(self._send, request))

    async def _send(self, request: _Request) -> Answer:
        said: SpanAttributes = {
            "http.request.method": request.method,
            "server.address": request.origin.host,
            "server.port": request.origin.port,
            "bridge.upstream": self._name,
            "bridge.interaction": request.interaction,
            "bridge.practice_ods": request.practice_ods,
            "bridge.trace_id": request.trace_id,
        }
        with span(f"{request.method} {self._name}", said, kind=SpanKind.CLIENT) as made:
            return await self._answer(request, made)

    async def _answer(self, request: _Request, made: Span) -> Answer:
        started = time.perf_counter()
        answer: Answer | None = None
        result = "cancelled"
        try:
            answer = await self._exchange(request)
            result = "answered"
            if self._skew is not None:
                self._skew.hear(answer.headers.get("date"))
        except TimeoutError:
            result = "deadline"
            raise Unavailable(self._timeout_code, stage=self._stage, detail=result) from None
        except Unconnected as fault:
            if fault.result == "connect_failed" and is_lack_of_files(fault):
                result = "no_descriptors"  # nothing was sent, and the other side did nothing
                raise HeldBack.for_lack_of_files() from None
            result = _result(fault)
            code = self._timeout_code if result in _SILENT else self._fault_code
            raise Unavailable(code, stage=self._stage, detail=result) from None
        except ResponseInvalid as error:
            result = error.detail
            raise
        except HeldBack:
            result = "withheld"  # at the last moment, by whoever asked for the call
            raise
        except BridgeError:
            result = "not_taken"  # by the receiver, which is none of the other side's doing
            raise
        finally:
            duration_ms = round((time.perf_counter() - started) * 1000, 1)
            status = answer.status if answer else None
            size = answer.received if answer else None
            made.tell(
                {
                    "bridge.result": result,
                    "http.response.status_code": status,
                    "http.response.body.size": size,
                }
            )
            if status is None or status >= _LEAST_ERROR:
                made.failed(str(status or result))
            record(
                UpstreamCall(
                    self._name,
                    request.interaction,
                    result,
                    duration_ms,
                    request.trace_id,
                    practice_ods=request.practice_ods,
                    status=status,
                    bytes=size,
                )
            )
        return answer

    async def _exchange(self, request: _Request) -> Answer:
        """Ask, and read the answer, all of it before one deadline.

        Each wait keeps to it by itself: a time-out around them would cost as much as sending the request.
        """
        read = self._limits.read
        until = asyncio.get_running_loop().time() + self._limits.call
        taken = await self._connections.take(request.origin, until=until)
        connection, is_whole = taken.connection, False
        try:
            await connection.ask(
                request.head,
                request.body,
                write=self._limits.write,
                read=read,
                until=until,
                word=request.word,
            )
            if request.receiver is not None and connection.status == _SUCCESS:
                async with asyncio.timeout_at(until):
                    answer = await self._hand_over(connection, request.receiver)
            else:
                encoding = connection.headers.get("content-encoding", "")
                body = BodyReader(encoding, self._limits.response_bytes, self._stage)
                while pieces := await connection.read(read):
                    for piece in pieces:
                        body.feed(piece)
                answer = Answer(connection.status, connection.headers, body.finish())
            is_whole = True
        finally:
            self._connections.give_back(taken, is_whole=is_whole)
        return answer

    async def _hand_over(self, connection: Connection, receiver: Receiver) -> Answer:
        received = 0
        try:
            decoder = BodyDecoder(connection.headers.get("content-encoding", ""))
            while pieces := await connection.read(self._limits.read):
                for sent in pieces:
                    for piece in decoder.pieces(sent):
                        received += len(piece)
                        await receiver.take(piece)
            if rest := decoder.finish():
                received += len(rest)
                await receiver.take(rest)
        except BrokenEncoding as broken:
            raise ResponseInvalid(stage=self._stage, detail=broken.detail) from None
        return Answer(connection.status, connection.headers, b"", received)

    def _head(
        self, method: str, origin: HttpOrigin, target: str, headers: Mapping[str, str], length: int
    ) -> bytes:
        """The request line and the headers.

        Raises:
            Refused: something in them cannot be sent.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: {origin.authority}"]
        if length or method != "GET":
            lines.append(f"Content-Length: {length}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += ("Accept-Encoding: gzip", "", "")  # SP-092
        head = "\r\n".join(lines).encode(errors="surrogatepass")
        unsendable = head.translate(None, _SENDABLE) != b"\r\n" * (len(lines) - 1)
        if unsendable or " " in target or "\t" in target:
            # Nothing that the other side did, and nothing that waiting cures.
            raise Refused(FailureCode.INTERNAL, stage=self._stage, detail="request_malformed")
        return head

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connections.aclose()


def _split(url: str) -> tuple[HttpOrigin, str]:
    """The server, and what is asked of it, byte for byte."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return _origin(scheme, host), f"/{path}"


@lru_cache(maxsize=256)
def _origin(scheme: str, authority: str) -> HttpOrigin:
    parts = urlsplit(f"{scheme}://{authority}".lower())
    port, usual = parts.port, _PORTS[parts.scheme]
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    return HttpOrigin(
        parts.scheme == "https",
        host,
        port or usual,
        named if port in (None, usual) else f"{named}:{port}",
    )


def _result(fault: Unconnected) -> str:
    """How a connection ended as a code: what OpenSSL objects to when it is TLS."""
    return next((tls_code(cause) for cause in causes(fault) if isinstance(cause, ssl.SSLError)), fault.result)
