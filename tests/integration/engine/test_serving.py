"""Ports of a worker, and whoever opens connections to them without a word."""

import asyncio
import contextlib
import resource
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bridge.credentials.tls import TlsFiles
from bridge.engine.http.gate import PortLimits, open_file_limit
from bridge.engine.http.serving import serving
from tests.support.certificates import Authority
from tests.support.ports import free_port


async def hello(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])
ASK = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)  # the server is about to listen


async def ask(port: int, context: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost" if context else None
    )
    writer.write(ASK)
    answer = await reader.read()
    writer.close()
    return answer


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def own_limit():
    """Let a test change how many files this process may have open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("files", "most"), [(20_000, 100), (800, 100), (160, 20), (4, 1)])
def test_a_port_takes_an_eighth_of_the_files_at_most(own_limit, files: int, most: int):
    _soft, hard = own_limit
    if files > hard != resource.RLIM_INFINITY:
        pytest.skip("this process may not have so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    assert PortLimits().most() == most


def test_a_worker_raises_its_own_limit_of_files(own_limit):
    _soft, hard = own_limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    open_file_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, 65_536) if hard >= 0 else 65_536, hard)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_idle_connections_take_no_more_than_their_share(tmp_path: Path, *, secure: bool):
    authority = Authority(tmp_path)
    issued = authority.issue("server") if secure else None
    context = ssl.create_default_context(cafile=authority.ca_file) if secure else None
    port = free_port()
    async with serving(
        APP,
        host="127.0.0.1",
        port=port,
        tls=TlsFiles("BRIDGE_CLAIMS", None, issued.cert_file, issued.key_file) if issued else None,
        limits=PortLimits(connections=20, silence=600),
    ):
        idle = [await connect(port) for _ in range(100)]
        first = [asyncio.create_task(ended(reader)) for reader, _writer in idle]
        await asyncio.gather(*first[:80])  # each made room for a later one

        assert b"200 OK" in await ask(port, context)
        assert sum(not task.done() for task in first) in range(15, 21)
        for _reader, writer in idle:
            writer.transport.abort()
        await asyncio.gather(*first)


@pytest.mark.parametrize("said", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT"])
async def test_a_connection_that_asks_nothing_whole_is_closed(said: bytes):
    port = free_port()
    async with serving(APP, host="127.0.0.1", port=port, limits=PortLimits(silence=0.2)):
        reader, writer = await connect(port)
        writer.write(said)
        with contextlib.suppress(ConnectionResetError):
            await reader.read()  # to its end
        writer.close()


async def test_a_connection_that_asks_nothing_whole_after_an_answer_is_closed():
    port = free_port()
    async with serving(APP, host="127.0.0.1", port=port, limits=PortLimits(silence=0.5)):
        reader, writer = await connect(port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"hello")
        writer.write(b"GET / HTT")
        assert await ended(reader)
        writer.close()


async def test_no_connection_stays_for_ever():
    port = free_port()
    async with serving(APP, host="127.0.0.1", port=port, limits=PortLimits(lifetime=0.5)):
        reader, writer = await connect(port)
        answered = 0
        while not reader.at_eof():
            try:
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answered += bool(await reader.readuntil(b"hello"))
            except (ConnectionError, asyncio.IncompleteReadError):
                break
        writer.close()
        assert answered > 0


async def test_with_an_authority_clients_show_a_certificate_and_a_new_one_of_ours_is_shown(tmp_path: Path):
    authority, other = Authority(tmp_path), Authority(tmp_path, "Other Root CA")
    issued = authority.issue("server")
    files = TlsFiles("BRIDGE_CLAIMS", authority.ca_file, issued.cert_file, issued.key_file)
    port = free_port()

    def client(of: Authority | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=authority.ca_file)
        if of is not None:
            shown = of.issue("client")
            context.load_cert_chain(shown.cert_file, shown.key_file)
        return context

    async def serial() -> int:
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection("localhost", port, ssl=client(authority))
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(shown).serial_number

    async with serving(APP, host="127.0.0.1", port=port, tls=files):
        _, writer = await connect(port)  # it listens
        writer.close()
        assert b"200 OK" in await ask(port, client(authority))
        for stranger in (None, other):
            answer = b""
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                answer = await ask(port, client(stranger))
            assert answer == b""
        assert await serial() == issued.certificate.serial_number
        renewed = authority.issue("server")
        while await serial() != renewed.certificate.serial_number:
            await asyncio.sleep(0.1)
