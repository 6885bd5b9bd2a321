"""Documents are scanned by a real clamd, or a real ICAP server, as they come, and never pass for clean when it does not say so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from bridge.engine.scanning import Scanner
from bridge.errors import FailureCode, Unavailable
from bridge.sandbox.documents.shelf import INFECTION
from bridge.settings import ScanSettings
from tests.support.clamd import SIGNATURE, Clamd, running_clamd
from tests.support.icap import running_icap
from tests.support.ports import free_port

CLEAN = {"verdict": "clean", "scanner": "clamd"}
INFECTED = {"verdict": "infected", "scanner": "clamd", "signature": f"{SIGNATURE}.UNOFFICIAL"}
OK, FOUND = b"stream: OK\0", f"stream: {SIGNATURE}.UNOFFICIAL FOUND\0".encode()
PASSES = b"ICAP/1.0 204 Unmodified\r\nServer: x\r\n\r\n"
UNAVAILABLE = {"verdict": "not_scanned", "reason": "unavailable"}


@pytest.fixture(scope="module")
def clamd() -> Iterator[Clamd]:
    with running_clamd() as daemon:
        yield daemon


@pytest.fixture(scope="module")
def icap(clamd: Clamd) -> Iterator[str]:
    with running_icap(clamd) as url:
        yield url


def by_icap(scan):
    return scan | {"scanner": "icap"}


async def scan(pieces, **settings):
    async with Scanner(ScanSettings(**settings)).scanning() as document:
        for piece in pieces:
            await document.feed(piece)
        return await document.verdict()


@pytest.mark.parametrize("way", ["unix", "tcp", "icap"])
async def test_what_is_clean_and_what_is_not(clamd: Clamd, icap: str, way: str):
    url = {"unix": clamd.unix_url, "tcp": clamd.tcp_url, "icap": icap}[way]
    clean, infected = (by_icap(CLEAN), by_icap(INFECTED)) if way == "icap" else (CLEAN, INFECTED)
    assert await scan([b"%PDF-1.4 ", b"", b"x" * 3_000_000], url=url) == clean
    middle = len(INFECTION) // 2
    # The bytes that it looks for come in two pieces, and end a long document.
    pieces = [b"x" * 1_000_000, b"y" + INFECTION[:middle], INFECTION[middle:] + b"z"]
    assert await scan(pieces, url=url) == infected
    assert await scan([], url=url) == clean


@pytest.mark.parametrize("way", ["unix", "icap"])
async def test_many_at_a_time(clamd: Clamd, icap: str, way: str):
    url = clamd.unix_url if way == "unix" else icap
    contents = [[b"a" * 1000, INFECTION if number % 3 == 0 else b"b"] for number in range(20)]
    found = await asyncio.gather(*(scan(pieces, url=url) for pieces in contents))
    assert [one["verdict"] for one in found] == [
        "infected" if number % 3 == 0 else "clean" for number in range(20)
    ]


async def test_without_a_scanner_everything_passes_and_says_so():
    assert await scan([INFECTION]) == {"verdict": "not_scanned", "reason": "not_configured"}


async def test_what_is_over_the_scanners_own_limit_has_no_verdict():
    with running_clamd(largest=100_000) as small:
        pieces = [b"x" * 60_000] * 40
        with pytest.raises(Unavailable) as raised:
            await scan(pieces, url=small.tcp_url)
        assert raised.value.code is FailureCode.INTERNAL
        assert raised.value.detail.startswith("scanner_unavailable ")
        assert await scan(pieces, url=small.unix_url, when_unavailable="publish") == UNAVAILABLE


async def test_a_scanner_that_is_gone_is_noticed_before_anything_is_asked_for():
    with running_clamd() as gone:
        urls = (gone.unix_url, gone.tcp_url)
    for url in urls:
        with pytest.raises(Unavailable, match="scanner_unavailable not_reached"):
            async with Scanner(ScanSettings(url=url)).scanning():
                raise AssertionError("nothing may be asked for")
        assert await scan([INFECTION], url=url, when_unavailable="publish") == UNAVAILABLE


async def killed_half_way(daemon: Clamd) -> None:
    async with Scanner(ScanSettings(url=daemon.tcp_url, timeout=10)).scanning() as document:
        await document.feed(b"x" * 1000)
        daemon.process.kill()
        daemon.process.wait()
        for _ in range(100):
            await document.feed(b"x" * 100_000)
        await document.verdict()


async def test_one_that_stops_in_the_middle_gives_no_verdict():
    with running_clamd() as daemon, pytest.raises(Unavailable, match="scanner_unavailable"):
        await killed_half_way(daemon)


@asynccontextmanager
async def saying(
    answer: bytes | None, *, scheme: str = "tcp", after: int | None = None
) -> AsyncIterator[str]:
    """What answers in place of a scanner as no real one can be made to.

    Args:
        answer: None never answers.
        scheme: of its URL.
        after: bytes after which it has seen enough, and closes; None reads to the end.
    """
    port, ended = free_port(), asyncio.Event()
    end = b"\0\0\0\0" if scheme == "tcp" else b"0\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = b""
        while not seen.endswith(end) and (after is None or len(seen) < after):
            seen += await reader.read(65536)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield f"{scheme}://127.0.0.1:{port}" + ("/scan" if scheme == "icap" else "")
        await ended.wait()


@pytest.mark.parametrize(
    ("scheme", "answer", "expected"),
    [
        ("tcp", b"", "no_verdict"),
        ("tcp", b"stream: ", "no_verdict"),
        ("tcp", b"INSTREAM size limit exceeded. ERROR\0", "size_limit"),
        ("tcp", b"stream: Can't allocate memory ERROR\0", "no_verdict"),
        ("tcp", b"stream: OK FOUND OK\0", "no_verdict"),
        ("tcp", b"stream: two words FOUND\0", "no_verdict"),
        ("tcp", b"x" * 100_000, "broken_off"),
        ("tcp", None, "timeout"),
        ("icap", b"", "no_verdict"),
        ("icap", b"ICAP/1.0 204 Unmodified\r\n", "no_verdict"),
        ("icap", b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=9\r\n\r\n", "no_verdict"),
        ("icap", b"ICAP/1.0 404 Service not found\r\n\r\n", "no_verdict"),
        ("icap", b"ICAP/1.0 500 Server error\r\n\r\n", "no_verdict"),
        ("icap", b"HTTP/1.1 204 No Content\r\n\r\n", "no_verdict"),
        ("icap", None, "timeout"),
    ],
)
async def test_an_answer_that_is_no_verdict_is_never_taken_for_one(scheme, answer, expected):
    async with saying(answer, scheme=scheme) as url:
        with pytest.raises(Unavailable, match=f"scanner_unavailable {expected}"):
            await scan([b"content"], url=url, timeout=2.0 if answer is not None else 0.2)


@pytest.mark.parametrize(
    ("header", "signature"),
    [
        ("X-Infection-Found: Type=0; Resolution=2; Threat=EICAR-Test;", "EICAR-Test"),
        ("x-virus-id: EICAR Test String", "String"),
        ("X-Violations-Found: 1", "1"),
        ("X-Infection-Found:", "unnamed"),
    ],
)
async def test_an_infection_has_no_standard_header(header, signature):
    for status in ("200 OK", "204 Unmodified", "403 Forbidden"):
        async with saying(f"ICAP/1.0 {status}\r\n{header}\r\n\r\n".encode(), scheme="icap") as url:
            found = await scan([b"content"], url=url)
        assert found == {"verdict": "infected", "scanner": "icap", "signature": signature}


@pytest.mark.parametrize(
    ("scheme", "clean", "infected"),
    [
        ("tcp", OK, FOUND),
        ("icap", PASSES, b"ICAP/1.0 200 OK\r\nX-Virus-ID: x\r\n\r\n"),
    ],
)
async def test_who_has_seen_enough_may_object_but_not_acquit(scheme, clean, infected):
    pieces = [b"x" * 100_000] * 200
    async with saying(infected, scheme=scheme, after=100_000) as url:
        with contextlib.suppress(Unavailable):  # where the connection is gone before its answer is read
            assert (await scan(pieces, url=url))["verdict"] == "infected"
    async with saying(clean, scheme=scheme, after=100_000) as url:
        with pytest.raises(Unavailable, match="scanner_unavailable"):
            await scan(pieces, url=url)


async def test_the_stand_ins_say_what_the_real_ones_say(clamd: Clamd, icap: str):
    """Else the tests with them would show nothing."""
    threat = f"X-Infection-Found: Type=0; Resolution=2; Threat={SIGNATURE}.UNOFFICIAL;"
    blocked = f"ICAP/1.0 200 OK\r\n{threat}\r\n\r\n".encode()
    for scheme, real, answers in (("tcp", clamd.unix_url, (OK, FOUND)), ("icap", icap, (PASSES, blocked))):
        for answer, pieces in zip(answers, ([b"x"], [INFECTION]), strict=True):
            async with saying(answer, scheme=scheme) as url:
                assert await scan(pieces, url=url) == await scan(pieces, url=real)
