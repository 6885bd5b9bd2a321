"""The last word before something that changes another side's data leaves."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest

from bridge.errors import FailureCode, HeldBack
from bridge.spine.http import Limits, Upstream
from bridge.spine.sending import last_word
from tests.support.http_server import HttpServer, always, answer

LIMITS = Limits(connect=5, read=5, write=5, call=5, response_bytes=1024, connections=5)


@dataclass
class Clerk:
    """Forbids it when told to, and counts."""

    forbids: Callable[[int], bool] = lambda _: False
    asked: int = 0
    gone: int = 0
    seen: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.asked += 1
        if self.forbids(self.asked):
            raise HeldBack(FailureCode.INTERNAL, stage="engine", detail="too_late")

    def sent(self) -> None:
        self.gone += 1


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    tls = ssl.create_default_context()
    opened = Upstream(
        "practice",
        stage="provider",
        timeout_code=FailureCode.PROVIDER_TIMEOUT,
        fault_code=FailureCode.PROVIDER_ERROR,
        limits=LIMITS,
        tls=lambda: tls,
    )
    try:
        yield opened
    finally:
        await opened.aclose()


async def call(opened: Upstream, url: str, method: Literal["GET", "POST"] = "POST") -> int:
    got = await opened.call(
        method, f"{url}/Appointment", interaction="book", trace_id="t", headers={}, content=b"{}"
    )
    return got.status


async def test_it_is_asked_where_the_bytes_leave_and_told_when_they_have():
    clerk = Clerk()
    async with HttpServer(always(answer({}))) as server, upstream() as opened:
        with last_word(clerk):
            assert await call(opened, server.url) == 200
        assert (clerk.asked, clerk.gone) == (2, 1)
        with last_word(clerk):
            await call(opened, server.url, "GET")
        await call(opened, server.url)
    assert (clerk.asked, clerk.gone) == (2, 1), "neither for a read nor outside the block"


@pytest.mark.parametrize("at", [1, 2])
async def test_what_is_forbidden_after_the_connection_stands_is_not_sent(at):
    """As when the process stood still while it connected: at the head of the request, or before its body."""
    connected = asyncio.Event()
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        while piece := await reader.read(1024):
            received.extend(piece)
        writer.close()
        ended.set()

    ended = asyncio.Event()
    clerk = Clerk(forbids=lambda asked: asked == at)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, upstream() as opened:
        port = server.sockets[0].getsockname()[1]
        with last_word(clerk), pytest.raises(HeldBack):
            await call(opened, f"http://127.0.0.1:{port}")
        await connected.wait()
        await ended.wait()
    _, _, body = bytes(received).partition(b"\r\n\r\n")
    assert body == b""
    assert bool(received) == (at == 2)
    assert clerk.gone == 0


async def test_a_connection_whose_call_was_forbidden_serves_the_next_one():
    clerk = Clerk(forbids=lambda asked: asked == 2)
    async with HttpServer(always(answer({}))) as server, upstream() as opened:
        with last_word(clerk), pytest.raises(HeldBack):
            await call(opened, server.url)
        assert await call(opened, server.url) == 200
