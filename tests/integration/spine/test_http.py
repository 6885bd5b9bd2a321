import asyncio
import contextlib
import gzip
import logging
import os
import resource
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge.errors import FailureCode, HeldBack, Refused, ResponseInvalid, Unavailable
from bridge.spine.connection import HttpOrigin
from bridge.spine.connections import Connections
from bridge.spine.http import Answer, Limits, Upstream
from tests.support.certificates import Authority
from tests.support.http_server import HttpServer, Request, always, answer

LIMIT = 1024 * 1024
LIMITS = Limits(connect=5, read=5, write=5, call=5, response_bytes=LIMIT, connections=50)
NHS_NUMBER = "9990000018"


@asynccontextmanager
async def upstream(limits: Limits = LIMITS) -> AsyncIterator[Upstream]:
    tls = ssl.create_default_context()
    opened = Upstream(
        "pds",
        stage="pds",
        timeout_code=FailureCode.PROVIDER_TIMEOUT,
        fault_code=FailureCode.SPINE_ERROR,
        limits=limits,
        tls=lambda: tls,
    )
    try:
        yield opened
    finally:
        await opened.aclose()


async def get(url: str, *, limits: Limits = LIMITS, **options: Any) -> Answer:
    async with upstream(limits) as opened:
        return await opened.call("GET", url, interaction="test", trace_id="t-1", headers={}, **options)


async def ask(handler: Any, *, limits: Limits = LIMITS) -> Answer:
    async with HttpServer(handler) as server:
        return await get(f"{server.url}/Patient/{NHS_NUMBER}", limits=limits)


async def test_an_answer_comes_back_whole_whatever_its_status():
    got = await ask(always(answer({"a": 1}, status=404, headers={"X-Thing": "7"})))

    assert (got.status, got.body, got.headers["x-thing"]) == (404, b'{"a":1}', "7")


async def test_a_redirect_is_an_answer_and_is_not_followed():
    async with HttpServer(always(answer(b"secrets"))) as elsewhere:
        got = await ask(always(answer(status=302, headers={"Location": elsewhere.url})))

        assert got.status == 302
        assert elsewhere.requests == []


@pytest.mark.duty("SP-092", "CS-031")
async def test_gzip_is_asked_for_and_decoded():
    text = b'{"resourceType":"Bundle"}' * 1000
    async with HttpServer(
        always(answer(gzip.compress(text), headers={"Content-Encoding": "gzip"}))
    ) as server:
        got = await get(server.url)

        assert got.body == text
        assert server.requests[0].headers["accept-encoding"] == "gzip"


async def test_gzip_in_several_members_is_decoded():
    body = gzip.compress(b"one ") + gzip.compress(b"two")

    assert (await ask(always(answer(body, headers={"Content-Encoding": "x-gzip"})))).body == b"one two"


@pytest.mark.duty("SP-092", "CS-031")
async def test_chunks_are_joined():
    raw = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5\r\n{"a":\r\n9;ext=1\r\n"b\xc3\xa9\xe2\x82\xac"}\r\n0\r\n\r\n'
    )

    assert (await ask(always(raw))).body == '{"a":"bé€"}'.encode()


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(size: int):
    handler = always(answer(b"x" * size))
    if size == LIMIT:
        assert len((await ask(handler)).body) == LIMIT
        return
    with pytest.raises(ResponseInvalid) as refused:
        await ask(handler)

    assert (refused.value.detail, refused.value.stage) == ("too_large", "pds")
    assert refused.value.body_sha256 is not None


async def test_a_body_without_end_is_refused_at_the_limit():
    async def endless(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    with pytest.raises(ResponseInvalid, match="too_large"):
        await ask(endless)


async def test_a_large_record_passes_when_the_limit_allows_it():
    body = b"x" * (4 * LIMIT)
    limits = Limits(connect=5, read=5, write=5, call=5, response_bytes=5 * LIMIT, connections=1)

    assert (await ask(always(answer(body)), limits=limits)).body == body


async def test_a_bomb_does_not_expand_in_memory():
    bomb = gzip.compress(b"\0" * (200 * LIMIT), 9)
    handler = always(answer(bomb, headers={"Content-Encoding": "gzip"}))
    async with HttpServer(handler) as server, upstream() as opened:
        tracemalloc.start()
        try:
            with pytest.raises(ResponseInvalid, match="too_large"):
                await opened.call("GET", server.url, interaction="test", trace_id="t", headers={})
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 8 * LIMIT


@pytest.mark.parametrize(
    ("body", "encoding", "detail"),
    [
        (gzip.compress(b"x" * 5000)[:-9], "gzip", "gzip_truncated"),
        (b"this is not gzip", "gzip", "gzip_broken"),
        (b"\x1b", "br", "content_encoding_unknown"),
    ],
    ids=["truncated", "broken", "unknown"],  # the bytes of the first tell the time
)
async def test_an_encoding_that_is_broken_or_was_not_asked_for(body: bytes, encoding: str, detail: str):
    with pytest.raises(ResponseInvalid, match=detail):
        await ask(always(answer(body, headers={"Content-Encoding": encoding})))


async def test_an_empty_body_needs_no_gzip_member():
    assert (await ask(always(answer(b"", headers={"Content-Encoding": "gzip"})))).body == b""


async def silent(_request: Request, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def dripping(_request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("handler", "read", "call", "detail"),
    [(silent, 0.1, 5.0, "read_timeout"), (silent, 5.0, 0.1, "deadline"), (dripping, 5.0, 0.2, "deadline")],
)
async def test_silence_and_dripping_end(handler: Any, read: float, call: float, detail: str):
    limits = Limits(connect=5, read=read, write=5, call=call, response_bytes=LIMIT, connections=1)
    with pytest.raises(Unavailable) as failed:
        await ask(handler, limits=limits)

    assert (failed.value.code, failed.value.detail) == (FailureCode.PROVIDER_TIMEOUT, detail)


async def reset(_request: Request, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def cut(_request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    writer.close()


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(reset, id="reset"),
        pytest.param(cut, id="cut in the body"),
        pytest.param(
            always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n"),
            id="broken chunk",
        ),
        pytest.param(always(b"220 smtp.example ESMTP\r\n\r\n"), id="not HTTP"),
    ],
)
async def test_a_connection_that_breaks_is_a_fault_that_may_pass(handler: Any):
    with pytest.raises(Unavailable) as failed:
        await ask(handler)

    assert failed.value.code is FailureCode.SPINE_ERROR
    assert NHS_NUMBER not in f"{failed.value}{failed.value.__cause__}"


async def test_nobody_listens():
    async with HttpServer(silent) as server:
        gone = server.url
    with pytest.raises(Unavailable, match="connect_failed"):
        await get(gone)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    async with HttpServer(always(answer(b"intercepted"))) as intercepting:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, intercepting.url)

        assert (await ask(always(answer(b"direct")))).body == b"direct"


async def test_cookies_are_not_kept():
    async with HttpServer(always(answer(headers={"Set-Cookie": "who=me"}))) as server, upstream() as opened:
        for _ in range(2):
            await opened.call("GET", server.url, interaction="test", trace_id="t", headers={})

        assert "cookie" not in server.requests[1].headers
        assert server.connections == 1  # and the connection is kept


async def test_a_caller_that_gives_up_leaves_the_pool_usable():
    limits = Limits(connect=5, read=5, write=5, call=5, response_bytes=LIMIT, connections=1)
    reached = asyncio.Event()

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.target == "/slow":
            reached.set()
            await silent(request, writer)
        else:
            writer.write(answer(b"fine"))

    async with HttpServer(handler) as server, upstream(limits) as opened:

        async def call(path: str) -> Answer:
            return await opened.call("GET", server.url + path, interaction="t", trace_id="t", headers={})

        slow = asyncio.create_task(call("/slow"))
        await reached.wait()
        slow.cancel()

        assert (await call("/")).body == b"fine"
        with pytest.raises(asyncio.CancelledError):
            await slow


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_a_call_cut_at_any_moment_leaves_no_connection_that_is_used_again(
    tmp_path: Path, *, secure: bool
):
    """A deadline may strike between any two steps of the event loop, so each of them is cut in turn."""
    authority = Authority(tmp_path)
    tls = ssl.create_default_context(cafile=authority.ca_file)
    serving = None
    if secure:
        issued = authority.issue("server", hosts=("127.0.0.1",))
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(issued.cert_file, issued.key_file)
    asked_on: dict[str, asyncio.StreamWriter] = {}

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        asked_on[request.target] = writer
        writer.write(answer(b"fine"))

    async with HttpServer(handler, tls=serving, host="127.0.0.1") as server:
        opened = Upstream(
            "pds",
            stage="pds",
            timeout_code=FailureCode.PROVIDER_TIMEOUT,
            fault_code=FailureCode.SPINE_ERROR,
            limits=replace(LIMITS, connections=1),
            tls=lambda: tls,
        )

        async def call(path: str) -> Answer:
            return await opened.call("GET", server.url + path, interaction="t", trace_id="t", headers={})

        # The cut call takes a new connection, or one that was kept. httpcore leaves the socket of a cut TLS
        # handshake to the garbage collector, which would warn here: over TLS, kept ones only.
        for kept in (True,) if secure else (False, True):
            steps, cut = 0, True
            while cut:
                await opened.aclose()
                if kept:
                    await call("/before")
                doomed = asyncio.create_task(call("/cut"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                doomed.cancel()
                (end,) = await asyncio.gather(doomed, return_exceptions=True)
                cut = isinstance(end, asyncio.CancelledError)

                assert (await call("/after")).body == b"fine"
                if cut:
                    assert asked_on["/after"] is not asked_on.pop("/cut", None)
                    assert not (kept and steps > 0) or asked_on["/after"] is not asked_on["/before"]
                steps += 1
            assert steps > 4  # and the last one came to its end before it was cut
        await opened.aclose()


async def test_connections_that_are_not_needed_for_a_while_are_closed():
    now = 0.0
    together = asyncio.Barrier(2)

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.target == "/together":
            await together.wait()
        writer.write(answer(b"fine"))

    tls = ssl.create_default_context()
    connections = Connections(lambda: tls, limit=10, timeout=5, clock=lambda: now)
    async with HttpServer(handler) as server:
        origin = HttpOrigin(secure=False, host="localhost", port=server.port, authority="localhost")

        async def call(path: str) -> None:
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            until = asyncio.get_running_loop().time() + 5
            taken = await connections.take(origin, until=until)
            await taken.connection.ask(head, b"", write=5, read=5, until=until, word=None)
            while await taken.connection.read(5):
                pass
            connections.give_back(taken, is_whole=True)

        await asyncio.gather(call("/together"), call("/together"))
        now = 29.0
        await call("/one")
        assert server.connections == server.open == 2
        now = 31.0
        await call("/one")
        while server.open == 2:
            await server.closed()

        assert (server.connections, server.open) == (2, 1)
        await connections.aclose()


def same_socket(writer: asyncio.StreamWriter) -> socket.socket:
    """The socket of a connection, past the event loop, which would take its time."""
    found: socket.socket = writer.transport.get_extra_info("socket")
    return socket.socket(fileno=os.dup(found.fileno()))


@pytest.mark.parametrize("when", ["with the answer", "later"])
@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsomeone", b"\0"])
async def test_what_nobody_asked_for_is_taken_for_no_answer(when: str, more: bytes):
    """It would be the answer to the next request, which is about another patient."""
    writers: list[asyncio.StreamWriter] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        after = more if when == "with the answer" and request.target == "/first" else b""
        writer.write(answer(request.target.encode()) + after)

    async with HttpServer(handler) as server, upstream() as opened:

        async def call(path: str) -> Answer:
            return await opened.call("GET", server.url + path, interaction="t", trace_id="t", headers={})

        assert (await call("/first")).body == b"/first"
        if when == "later":
            with same_socket(writers[0]) as opposite:
                opposite.send(more)  # before anybody looks again
        assert (await call("/second")).body == b"/second"
        assert server.connections == 2


async def test_a_connection_that_the_other_side_closed_is_not_used_again():
    writers: list[asyncio.StreamWriter] = []

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(answer(b"fine"))

    async with HttpServer(handler) as server, upstream() as opened:
        for _ in range(2):
            got = await opened.call("GET", server.url, interaction="t", trace_id="t", headers={})
            assert got.body == b"fine"
            with same_socket(writers[-1]) as opposite:
                opposite.shutdown(socket.SHUT_RDWR)


async def test_a_connection_with_a_request_that_was_not_taken_whole_is_not_used_again():
    """What is left of it would be read as the next request, and answered."""
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b"too large", status=413))
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, upstream() as opened:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for content in (bytes(20_000_000), b""):
            got = await opened.call("POST", url, interaction="t", trace_id="t", headers={}, content=content)
            assert got.body == b"too large"
        assert len(serving) == 2
    await asyncio.gather(*filter(None, serving))


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nContent-Encoding: gzip\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            b"hi",
            id="an interim answer",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end", id="as long as the connection"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="none"),
        pytest.param(
            b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2  \r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
            b"hi",
            id="sizes with blanks, and a trailer",
        ),
    ],
)
async def test_bodies_of_every_kind_are_read_to_their_end(raw: bytes, body: bytes):
    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        if b"1.0" in raw:
            writer.close()

    assert (await ask(handler)).body == body


@pytest.mark.parametrize(
    "begin",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"],
    ids=["headers", "trailers"],
)
async def test_headers_without_end_are_refused(begin: bytes):
    async def endless(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while not writer.is_closing():
            writer.write(b"X-Thing: " + b"x" * 5000 + b"\r\n")
            await writer.drain()

    with pytest.raises(Unavailable, match="protocol_broken"):
        await ask(endless)


async def test_one_line_per_call_says_what_happened_and_not_to_whom(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        await ask(always(answer(b"12345", status=404)))
        with pytest.raises(Unavailable):
            await ask(reset)

    facts = ("upstream", "interaction", "result", "status", "bytes", "trace_id")
    assert [tuple(line.get(fact) for fact in facts) for line in lines] == [
        ("pds", "test", "answered", 404, 5, "t-1"),
        ("pds", "test", "protocol_broken", None, None, "t-1"),
    ]
    assert all(isinstance(line["duration_ms"], float) for line in lines)
    assert NHS_NUMBER not in f"{lines}{caplog.text}"


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("/", "a\r\nb: c"),
        ("/", "a\nb: c"),
        ("/", "a\r"),
        ("/", "a\x00"),
        ("/", "a\x7f"),
        ("/", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("/", "\ud800"),
        ("/a b", "a"),
        ("/a\tb", "a"),
        ("/\r\n", "a"),
        ("/\N{LATIN SMALL LETTER E WITH ACUTE}", "a"),
    ],
)
async def test_what_is_no_http_request_is_a_fault_of_the_request(target: str, value: str):
    async with HttpServer(always(answer())) as server, upstream() as opened:
        headers = {"If-Match": value}
        with pytest.raises(Refused, match="request_malformed"):
            await opened.call("GET", f"{server.url}{target}", interaction="t", trace_id="t", headers=headers)

        assert server.requests == []


async def test_without_a_file_for_a_connection_nothing_is_sent_and_nobody_is_to_blame():
    served: list[str] = []

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        served.append(request.target)
        writer.write(answer(b"fine"))

    async with HttpServer(handler) as server, upstream() as opened:
        await get(f"{server.url}/before")  # what is loaded at the first call is there
        with no_file_left(), pytest.raises(HeldBack) as held:
            await opened.call("GET", f"{server.url}/", interaction="t", trace_id="t", headers={})
        assert (held.value.code, held.value.detail) == (FailureCode.INTERNAL, "no_descriptors")
        assert held.value.retry_after is not None
        assert served == ["/before"]
        again = await opened.call("GET", f"{server.url}/", interaction="t", trace_id="t", headers={})
        assert again.body == b"fine"


@contextlib.contextmanager
def no_file_left() -> Iterator[None]:
    """This process can open no file, and no connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.open(os.devnull, os.O_RDONLY)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
