"""What the doctor finds around a worker: room on its disk, and a collector that takes traces."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.operations.surroundings import collector, disk, sign_in_provider
from bridge.settings import BusSettings, ConsoleSettings, LedgerSettings, Settings
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


def provider_at(issuer: str | None, ca_file: Path | None = None) -> Settings:
    return Settings(console=ConsoleSettings(oidc_issuer=issuer, oidc_ca_file=ca_file))


@asynccontextmanager
async def provider(
    change: Callable[[dict[str, Any]], object] = lambda metadata: metadata,
    status: int = 200,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """An OpenID provider that answers with its metadata, changed; the issuer."""
    issuer = ""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        metadata = {"issuer": issuer} | {name: f"{issuer}/{name}" for name in names}
        is_asked = request.target == "/realms/trust/.well-known/openid-configuration"
        body = orjson.dumps(change(metadata)) if is_asked else b"{}"
        head = f"HTTP/1.1 {status} Answer\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)

    async with HttpServer(answer, tls=tls) as server:
        issuer = f"{server.url}/realms/trust"
        yield issuer


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        (lambda metadata: metadata, 200, ""),
        (lambda metadata: metadata | {"issuer": metadata["issuer"] + "/"}, 200, ""),
        (
            lambda metadata: metadata | {"issuer": "https://other.example"},
            200,
            "its metadata names another issuer",
        ),
        (lambda metadata: metadata | {"jwks_uri": ""}, 200, "its metadata lacks jwks_uri"),
        (lambda metadata: [metadata], 200, "answers, but with no OpenID metadata"),
        (lambda metadata: metadata, 404, "answers 404"),
    ],
)
async def test_a_provider_with_which_nobody_could_sign_in_is_told(
    change: Callable[[dict[str, Any]], object], status: int, told: str
):
    async with provider(change, status) as issuer:
        (found,) = await sign_in_provider(provider_at(issuer))
    expected = f"{told}: see BRIDGE_CONSOLE_OIDC_ISSUER" if told else "answers"
    assert (found.what, found.is_good, found.detail) == ("sign-in of the console", not told, expected)


async def test_without_a_provider_or_with_one_that_is_away():
    assert await sign_in_provider(provider_at(None)) == []
    (away,) = await sign_in_provider(provider_at(f"http://127.0.0.1:{free_port()}"))
    assert not away.is_good
    assert away.detail.startswith("ConnectError: see BRIDGE_CONSOLE_OIDC_ISSUER")


async def test_the_certificate_of_the_provider_is_judged(tmp_path: Path):
    authority = Authority(tmp_path)
    for days, is_good in ((60, True), (20, False)):
        issued = authority.issue("provider", hosts=("localhost",), lasts=timedelta(days=days, hours=1))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.cert_file, issued.key_file)
        async with provider(tls=context) as issuer:
            (untrusted,) = await sign_in_provider(provider_at(issuer))
            (found,) = await sign_in_provider(provider_at(issuer, authority.ca_file))
        assert not untrusted.is_good
        assert "its CA is not trusted here" in untrusted.detail
        assert found.is_good is is_good
        assert f"in {days} days" in found.detail
    (unreadable,) = await sign_in_provider(provider_at(issuer, tmp_path / "none"))
    assert unreadable.detail == "BRIDGE_CONSOLE_OIDC_CA_FILE: is not readable as PEM"
