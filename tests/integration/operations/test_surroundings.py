"""What the doctor finds around a worker: room on its disk, and a collector that takes traces."""

import asyncio
import ssl
from pathlib import Path

import pytest

from bridge.operations.surroundings import collector, disk
from bridge.settings import BusSettings, LedgerSettings, Settings
from tests.support.certificates import Authority
from tests.support.http_server import HttpServer, Request
from tests.support.ports import free_port

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_room_is_looked_for_where_something_of_ours_lives(tmp_path: Path):
    at_home = Settings(state_dir=tmp_path / "not" / "yet")
    (found,) = disk(at_home)
    assert found.what == "disk"
    assert found.detail.startswith(f"{found.detail.split()[0]} GiB free for BRIDGE_STATE_DIR")
    elsewhere = Settings(
        state_dir=tmp_path,
        bus=BusSettings(url="amqp://broker.example/"),
        ledger=LedgerSettings(url="postgresql://ledger.example/ledger"),
    )
    assert disk(elsewhere) == []


async def answering(status: int, seen: list[Request]) -> HttpServer:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(f"HTTP/1.1 {status} Answer\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())

    return HttpServer(answer)


@pytest.mark.parametrize(("status", "is_good"), [(200, True), (401, True), (404, False), (503, False)])
async def test_a_collector_that_answers_is_told_from_one_that_does_not_take_traces(
    monkeypatch: pytest.MonkeyPatch, status: int, is_good: bool
):
    seen: list[Request] = []
    async with await answering(status, seen) as server:
        monkeypatch.setenv(_ENDPOINT, server.url)
        (found,) = await collector()
    assert (found.what, found.is_good) == ("collector of traces", is_good)
    assert [(one.method, one.target, one.body) for one in seen] == [("POST", "/v1/traces", b"")]


async def test_without_traces_no_collector_is_looked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(_ENDPOINT, raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert await collector() == []


async def test_a_collector_that_is_away_or_not_trusted_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv(_ENDPOINT, f"http://127.0.0.1:{free_port()}")
    (away,) = await collector()
    assert (away.is_good, away.detail) == (False, f"ConnectError: see {_ENDPOINT}")

    authority = Authority(tmp_path)
    issued = authority.issue("collector", hosts=("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_file, issued.key_file)

    async def answer(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    async with HttpServer(answer, tls=context) as server:
        monkeypatch.setenv(_ENDPOINT, server.url)
        (refused,) = await collector()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(authority.ca_file))
        (trusted,) = await collector()
    assert not refused.is_good
    assert "its CA is not trusted here" in refused.detail
    assert trusted.is_good
