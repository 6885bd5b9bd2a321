"""Documents are scanned by a real clamd as they come, and never pass for clean when it does not say so."""

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
from tests.support.ports import free_port

CLEAN = {"verdict": "clean", "scanner": "clamd"}
INFECTED = {"verdict": "infected", "scanner": "clamd", "signature": f"{SIGNATURE}.UNOFFICIAL"}
UNAVAILABLE = {"verdict": "not_scanned", "reason": "unavailable"}


@pytest.fixture(scope="module")
def clamd() -> Iterator[Clamd]:
    with running_clamd() as daemon:
        yield daemon


async def scan(pieces, **settings):
    async with Scanner(ScanSettings(**settings)).scanning() as document:
        for piece in pieces:
            await document.feed(piece)
        return await document.verdict()


@pytest.mark.parametrize("way", ["unix_url", "tcp_url"])
async def test_what_is_clean_and_what_is_not(clamd: Clamd, way):
    url = getattr(clamd, way)
    assert await scan([b"%PDF-1.4 ", b"", b"x" * 3_000_000], url=url) == CLEAN
    middle = len(INFECTION) // 2
    # The bytes that it looks for come in two pieces, and end a long document.
    pieces = [b"x" * 1_000_000, b"y" + INFECTION[:middle], INFECTION[middle:] + b"z"]
    assert await scan(pieces, url=url) == INFECTED
    assert await scan([], url=url) == CLEAN


async def test_many_at_a_time(clamd: Clamd):
    contents = [[b"a" * 1000, INFECTION if number % 3 == 0 else b"b"] for number in range(20)]
    found = await asyncio.gather(*(scan(pieces, url=clamd.unix_url) for pieces in contents))
    assert found == [INFECTED if number % 3 == 0 else CLEAN for number in range(20)]


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
async def saying(answer: bytes | None) -> AsyncIterator[str]:
    """What answers in place of clamd as no real one can be made to; None never does."""
    port, ended = free_port(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            await reader.readexactly(size)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield f"tcp://127.0.0.1:{port}"
        await ended.wait()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", "no_verdict"),
        (b"stream: ", "no_verdict"),
        (b"INSTREAM size limit exceeded. ERROR\0", "size_limit"),
        (b"stream: Can't allocate memory ERROR\0", "no_verdict"),
        (b"stream: OK FOUND OK\0", "no_verdict"),
        (b"stream: two words FOUND\0", "no_verdict"),
        (b"x" * 100_000, "broken_off"),
        (None, "timeout"),
    ],
)
async def test_an_answer_that_is_no_verdict_is_never_taken_for_one(answer, expected):
    async with saying(answer) as url:
        with pytest.raises(Unavailable, match=f"scanner_unavailable {expected}"):
            await scan([b"content"], url=url, timeout=2.0 if answer is not None else 0.2)


async def test_a_real_answer_is_taken_as_it_is_whoever_gives_it(clamd: Clamd):
    """The stand-in says what the real one says: else the tests with it would show nothing."""
    for answer, pieces in (
        (b"stream: OK\0", [b"x"]),
        (f"stream: {SIGNATURE}.UNOFFICIAL FOUND\0".encode(), [INFECTION]),
    ):
        async with saying(answer) as url:
            assert await scan(pieces, url=url) == await scan(pieces, url=clamd.unix_url)
