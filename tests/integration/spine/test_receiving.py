"""A body that is taken as it comes: any size, decoded on the way, and never kept whole by us."""

import asyncio
import gzip
import tracemalloc
from typing import Any

import pytest

from bridge.errors import FailureCode, RequestFailed, ResponseInvalid, Unavailable
from bridge.spine.http import Answer
from tests.integration.spine.world import upstream
from tests.support.http_server import HttpServer, Request, always, answer

LARGE = b"0123456789abcdef" * 500_000  # eight times what an answer may have that is kept whole
ONE_MEGABYTE = 1024 * 1024


class Receiver:
    """Counts what it is given; `fault` is raised once so many bytes have come."""

    def __init__(self, *, keep: bool = True, fault: Exception | None = None, after: int = 0) -> None:
        self.content = bytearray()
        self.size = self.largest = 0
        self._keep, self._fault, self._after = keep, fault, after

    async def take(self, piece: bytes) -> None:
        self.size += len(piece)
        self.largest = max(self.largest, len(piece))
        if self._keep:
            self.content += piece
        if self._fault is not None and self.size > self._after:
            raise self._fault


async def ask(handler: Any, receiver: Receiver) -> Answer:
    async with HttpServer(handler) as server, upstream("ssp") as opened:
        return await opened.call(
            "GET", f"{server.url}/Binary/1", interaction="test", trace_id="t-1", headers={}, receiver=receiver
        )


@pytest.mark.duty("SP-092")
@pytest.mark.parametrize("is_compressed", [False, True])
async def test_all_of_it_comes_in_pieces(is_compressed: bool):
    body = gzip.compress(LARGE, 1) if is_compressed else LARGE
    headers = {"Content-Encoding": "gzip"} if is_compressed else {}
    receiver = Receiver()
    got = await ask(always(answer(body, headers=headers)), receiver)
    assert receiver.content == LARGE
    assert (got.body, got.received) == (b"", len(LARGE))
    assert receiver.largest <= ONE_MEGABYTE


async def test_nothing_of_it_is_kept():
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        size = 100 * ONE_MEGABYTE
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(100):
            writer.write(bytes(ONE_MEGABYTE))
            await writer.drain()

    receiver = Receiver(keep=False)
    tracemalloc.start()
    try:
        await ask(handler, receiver)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert receiver.size == 100 * ONE_MEGABYTE
    assert peak < 10 * ONE_MEGABYTE  # the server in this process has one or two of them on their way


async def test_an_error_is_no_part_of_it():
    receiver = Receiver()
    got = await ask(always(answer(b"refused", status=404)), receiver)
    assert (got.status, got.body, receiver.size) == (404, b"refused", 0)


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (gzip.compress(LARGE)[:-100], {"Content-Encoding": "gzip"}, "gzip_truncated"),
        (b"no gzip at all, and long enough to tell", {"Content-Encoding": "gzip"}, "gzip_broken"),
        (b"x", {"Content-Encoding": "br"}, "content_encoding_unknown"),
    ],
)
async def test_an_encoding_that_is_broken_is_found_out(body: bytes, headers: dict[str, str], detail: str):
    with pytest.raises(ResponseInvalid, match=detail):
        await ask(always(answer(body, headers=headers)), Receiver())


async def test_one_that_ends_before_its_length_is_not_taken_for_whole():
    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(LARGE)[: ONE_MEGABYTE * 2])
        await writer.drain()
        writer.close()

    with pytest.raises(Unavailable) as raised:
        await ask(handler, Receiver())
    assert raised.value.code is FailureCode.SPINE_ERROR


@pytest.mark.parametrize(
    "fault",
    [RequestFailed(FailureCode.CONFIGURATION, stage="engine", detail="document_too_large"), OSError()],
)
async def test_who_takes_it_may_have_enough_and_the_rest_is_not_read(fault: Exception):
    receiver = Receiver(fault=fault, after=ONE_MEGABYTE)
    with pytest.raises(type(fault)) as raised:
        await ask(always(answer(LARGE)), receiver)
    assert raised.value is fault
    assert receiver.size < 2 * ONE_MEGABYTE
