"""The port that a platform asks: what it answers, and what it does not."""

import asyncio
import contextlib
import os
from http import HTTPStatus

import pytest

from bridge.engine.http.gate import PortLimits
from bridge.engine.http.probes import Shown, answering
from tests.support.ports import free_port

PLAIN = "text/plain; charset=utf-8"


async def hello() -> Shown:
    return Shown(HTTPStatus.OK, b"hello", PLAIN)


async def busy() -> Shown:
    return Shown(HTTPStatus.SERVICE_UNAVAILABLE, b'{"ready":false}', "application/json")


async def broken() -> Shown:
    raise RuntimeError("of our own")


PATHS = {b"/hello": hello, b"/busy": busy, b"/broken": broken}


async def said(port: int, *parts: bytes) -> bytes:
    """All that is answered to this, until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
async def port():
    found = free_port()
    async with answering(PATHS, host="127.0.0.1", port=found):
        yield found


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        (b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", b"hello"),
        (b"GET /hello HTTP/1.0\r\n\r\n", "200 OK", b"hello"),
        (b"GET /hello?verbose=1 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", "200 OK", b"hello"),
        (b"HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", b""),
        (b"GET /busy HTTP/1.1\r\nHost: x\r\n\r\n", "503 Service Unavailable", b'{"ready":false}'),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", b"Not Found"),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", b""),
        (b"GET /hello/ HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", b"hello"),
        (b"GET //hello HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", b"Not Found"),
        (b"GET /%68el%6Co HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", b"hello"),
        (b"GET /hello%2 HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", b"Not Found"),
        (b"GET http://x:80/hello?verbose=1 HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", b"hello"),
        (b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", b"Not Found"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", b"Not Found"),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found", b"Not Found"),
        (
            b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
            "405 Method Not Allowed",
            b"Method Not Allowed",
        ),
        (b"GET /hello HTTP/9\r\n\r\n", "400 Bad Request", b"Bad Request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400 Bad Request", b"Bad Request"),
        (
            b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            "200 OK",
            b"hello",
        ),
    ],
)
async def test_what_is_answered(port: int, asked: bytes, status: str, body: bytes):
    head, _, told = (await said(port, asked)).partition(b"\r\n\r\n")
    assert head.decode().splitlines()[0] == f"HTTP/1.1 {status}"
    assert told == body


async def test_the_head_tells_length_and_type_and_that_the_connection_ends(port: int):
    head, _, _ = (await said(port, b"HEAD /busy HTTP/1.1\r\nHost: x\r\n\r\n")).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
    assert headers.pop("date").endswith("GMT")
    assert headers == {"content-type": "application/json", "content-length": "15", "connection": "close"}


async def test_what_is_refused_says_what_is_not(port: int):
    answer = await said(port, b"OPTIONS /hello HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"\r\nallow: GET, HEAD\r\n" in answer


async def test_a_request_that_comes_in_pieces_is_read_whole(port: int):
    pieces = [bytes([each]) for each in b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"]
    assert b"200 OK" in await said(port, *pieces)


@pytest.mark.parametrize(
    "after", [b"GET /busy HTTP/1.1\r\nHost: x\r\n\r\n", b"\0\1\2"], ids=["another", "noise"]
)
async def test_one_request_is_answered_and_none_after_it(port: int, after: bytes):
    answer = await said(port, b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" + after)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(("method", "status"), [(b"POST", b"405"), (b"GET", b"200")])
async def test_who_asks_for_leave_to_send_a_body_gets_the_answer_in_its_place(
    port: int, method: bytes, status: bytes
):
    head = b" /hello HTTP/1.1\r\nHost: x\r\nexpect: 100-Continue\r\nContent-Length: 9\r\n\r\n"
    assert (await said(port, method + head)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"GET /", b"431 Request Header Fields Too Large"),
        (b"GET /hello HTTP/1.1\r\nX: ", b"431 Request Header Fields Too Large"),
        (b"POST /hello HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", b"413 Request Entity Too Large"),
    ],
    ids=["target", "header", "body"],
)
async def test_a_request_without_an_end_is_refused(port: int, start: bytes, status: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = b""
    with contextlib.suppress(ConnectionError):  # what it did not read any more ends a connection hard
        writer.write(start)
        while not told:
            writer.write(b"x" * 1000)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                told = await asyncio.wait_for(reader.read(100), 0.01)
        assert status in told
    writer.close()


async def test_a_fault_of_ours_is_answered_and_told(port: int):
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    assert b"500 Internal Server Error" in await said(port, b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [str(each) for each in told] == ["of our own"]


async def test_nobody_waits_for_what_was_cancelled():
    port = free_port()

    async def cancelled() -> Shown:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()  # as drivers do with what they wait for when a link breaks
        await gone
        raise AssertionError

    async with answering({b"/cancelled": cancelled}, host="127.0.0.1", port=port), asyncio.timeout(10):
        assert await said(port, b"GET /cancelled HTTP/1.1\r\nHost: x\r\n\r\n") == b""


@pytest.mark.parametrize("asked", [b"", b"GET /hel", b"GET /hello HTTP/1.1\r\nHost"])
async def test_who_asks_nothing_whole_is_left(asked: bytes):
    port = free_port()
    async with answering(PATHS, host="127.0.0.1", port=port, limits=PortLimits(silence=0.2)):
        with contextlib.suppress(ConnectionResetError):
            assert await said(port, asked) == b""


async def test_connections_without_a_word_keep_nobody_out():
    port = free_port()
    async with answering(PATHS, host="127.0.0.1", port=port, limits=PortLimits(connections=5, silence=600)):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        assert b"200 OK" in await said(port, b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        for _reader, writer in idle:
            writer.transport.abort()


async def test_connections_whose_answer_takes_long_take_no_more_than_their_share():
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only how many

    port, asked, cut_off = free_port(), asyncio.Event(), []

    async def never() -> Shown:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut_off.append(port)
            raise
        raise AssertionError

    async with answering({b"/never": never}, host="127.0.0.1", port=port, limits=PortLimits(connections=5)):
        before, waiting = files(), []
        for _ in range(20):
            asked.clear()
            waiting.append(asyncio.create_task(said(port, b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")))
            await asked.wait()
        async with asyncio.timeout(10):
            while files() > before + 15:  # both ends of five, and a few of the loop
                await asyncio.sleep(0.01)
        assert cut_off == []
    assert len(cut_off) == 20
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_an_answer_that_comes_after_the_end_is_no_fault():
    port, asked, told = free_port(), asyncio.Event(), []

    async def late() -> Shown:
        asked.set()
        with contextlib.suppress(asyncio.CancelledError):  # as drivers do that take it for a broken link
            await asyncio.Event().wait()
        return await hello()

    async with answering({b"/late": late}, host="127.0.0.1", port=port):
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
        waiting = asyncio.create_task(said(port, b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n"))
        await asked.wait()
    with contextlib.suppress(ConnectionResetError):
        assert await waiting == b""
    assert told == []


async def test_the_end_waits_for_nobody():
    port, asked = free_port(), asyncio.Event()

    async def never() -> Shown:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with answering({b"/never": never}, host="127.0.0.1", port=port):
        waiting = asyncio.create_task(said(port, b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n"))
        silent = asyncio.create_task(said(port))
        await asked.wait()
    with contextlib.suppress(ConnectionResetError):
        assert await waiting == b""
    with contextlib.suppress(ConnectionResetError):
        assert await silent == b""
