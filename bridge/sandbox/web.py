"""The little HTTP that the four servers share: read a request, answer it, and fail on purpose.

Plain ASGI, because the proxy must see the path byte for byte and the faults must reach the socket.
"""

import asyncio
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl

from bridge.sandbox.control.calls import Call, CallLog, Exchange
from bridge.sandbox.control.faults import FaultKind, InjectedFault

AsgiMessage = MutableMapping[str, Any]
AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[AsgiMessage]]
AsgiSend = Callable[[AsgiMessage], Awaitable[None]]
App = Callable[[AsgiScope, AsgiReceive, AsgiSend], Awaitable[None]]

_DRIP_BYTES, _DRIP_SECONDS = 16, 0.05
_LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Request:
    """One request, read whole. `target` is the path as it was sent, `headers` have lower-case names."""

    method: str
    target: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query, decoded, in order."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(slots=True)
class Reply:
    """An answer, how many seconds it takes, and the fault it meets on its way out."""

    status: int
    body: bytes | AsyncIterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: InjectedFault | None = None


RequestHandler = Callable[[Request, Call], Awaitable[Reply]]


def server(upstream: str, handler: RequestHandler, calls: CallLog, closing: asyncio.Event) -> App:
    """An ASGI application around one handler. `closing` ends whatever hangs."""

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        call = calls.begin(upstream, scope["method"])
        request = Request(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            await _body(receive),
        )
        call.headers = frozenset(request.headers)
        reply = await handler(request, call)
        if calls.exchanges:
            call.exchange = _exchange(request, reply)
        if reply.fault:
            call.fault = reply.fault.kind.value
        try:
            if await _fail(reply, scope, receive, send, closing):
                call.status = reply.status
        finally:
            calls.end(call)

    return app


def _exchange(request: Request, reply: Reply) -> Exchange:
    answer = reply.body if isinstance(reply.body, bytes) else b""
    if reply.headers.get("content-encoding") == "gzip":
        answer = gzip.decompress(answer)
    return Exchange(request.target, request.query, request.headers, request.body, answer)


async def _body(receive: AsgiReceive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _fail(
    reply: Reply, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend, closing: asyncio.Event
) -> bool:
    """Send the reply, or do to the connection what the fault says. True when an answer was complete."""
    fault = reply.fault
    delay = reply.delay + (fault.delay if fault and fault.kind is not FaultKind.LATE else 0.0)
    if delay:
        await _pause(delay, closing)
    match fault.kind if fault else FaultKind.DELAY:
        case FaultKind.RESET:
            _reset(scope)
        case FaultKind.HANG:
            await _until_gone(receive, closing)
            _close(scope)
        case FaultKind.DROP:
            _close(scope)
        case FaultKind.TRUNCATE:
            body = await whole(reply.body)
            await _start(reply, send)
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await asyncio.sleep(0)
            _close(scope, flush=True)
        case FaultKind.DRIP:
            await _start(reply, send)
            await _drip(await whole(reply.body), send, closing)
            return True
        case _:
            if await _plainly(reply, scope, send):
                return True
    # The connection is on its way down: the server wants to have seen that before this returns.
    while (await receive())["type"] != "http.disconnect":
        pass
    return False


async def _plainly(reply: Reply, scope: AsgiScope, send: AsgiSend) -> bool:
    if isinstance(reply.body, bytes):
        await _start(reply, send, length=len(reply.body))
        await send({"type": "http.response.body", "body": reply.body})
        return True
    await _start(reply, send)
    try:
        async for chunk in reply.body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except ConnectionError:
        # What was being passed on broke off: so does this, or the other side would take it for whole.
        _close(scope, flush=True)
        return False
    await send({"type": "http.response.body", "body": b""})
    return True


async def _start(reply: Reply, send: AsgiSend, *, length: int | None = None) -> None:
    # Without a length the server sends chunks, which a consumer must be able to read (SP-092).
    headers = {**reply.headers, **({} if length is None else {"content-length": str(length)})}
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )


async def whole(body: bytes | AsyncIterator[bytes]) -> bytes:
    """All of a body."""
    return body if isinstance(body, bytes) else b"".join([chunk async for chunk in body])


async def _drip(body: bytes, send: AsgiSend, closing: asyncio.Event) -> None:
    for start in range(0, len(body), _DRIP_BYTES):
        await send(
            {"type": "http.response.body", "body": body[start : start + _DRIP_BYTES], "more_body": True}
        )
        await _pause(_DRIP_SECONDS, closing)
    await send({"type": "http.response.body", "body": b""})


async def _pause(seconds: float, closing: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(closing.wait(), seconds)
    except TimeoutError:
        return


async def _until_gone(receive: AsgiReceive, closing: asyncio.Event) -> None:
    gone = asyncio.ensure_future(receive())
    stop = asyncio.ensure_future(closing.wait())
    _, pending = await asyncio.wait({gone, stop}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


def _transport(scope: AsgiScope) -> asyncio.Transport:
    return cast("asyncio.Transport", scope["state"]["transport"])


def _close(scope: AsgiScope, *, flush: bool = False) -> None:
    """End the connection; with `flush` what was written still goes out."""
    if flush:
        _transport(scope).close()
    else:
        _transport(scope).abort()


def _reset(scope: AsgiScope) -> None:
    """End the connection with RST: the kernel is told to forget what is unsent."""
    sock = _transport(scope).get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    _transport(scope).abort()
