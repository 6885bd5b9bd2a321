"""Sockets, certificates and the HTTP servers on them."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.sandbox.web import App

SERVERS = ("pds", "sds", "proxy", "practice")


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of the servers, and of the worker for its environment (all PEM).

    Attributes:
        ca_file: what clients' certificates must chain to, and what the proxy expects of practices.
        cert_file: of the servers; names the host of `SandboxOptions`. The proxy also calls with it.
        client_required: servers that refuse a connection without a client certificate. PDS and SDS are on
            the API platform, which asks for none.
    """

    ca_file: Path
    cert_file: Path
    key_file: Path
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    client_required: frozenset[str] = frozenset({"proxy", "practice"})


@contextlib.contextmanager
def listening(host: str, ports: tuple[int, int, int, int]) -> Iterator[dict[str, socket.socket]]:
    """A bound socket for each of `SERVERS`.

    Raises:
        OSError: a port is taken.
    """
    with contextlib.ExitStack() as stack:
        sockets = {}
        for name, port in zip(SERVERS, ports, strict=True):
            # With its protocol named, asyncio turns Nagle's delay off for the connections.
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            stack.enter_context(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            sockets[name] = sock
        yield sockets


class _Protocol(H11Protocol):
    """Lets the application reach its connection, for the faults that happen there."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as its base does
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    apps: Mapping[str, App], sockets: Mapping[str, socket.socket], closing: asyncio.Event, tls: Tls | None
) -> AsyncIterator[None]:
    """Serve each application on its socket. `closing` is set when it is over, for whatever hangs."""
    servers = [_Server(_config(name, app, tls)) for name, app in apps.items()]
    tasks = [
        asyncio.create_task(one.serve(sockets=[sockets[name]]), name=f"sandbox-{name}")
        for one, name in zip(servers, apps, strict=True)
    ]
    try:
        while not all(one.started for one in servers):
            await asyncio.sleep(0)
            for task in tasks:
                if task.done():
                    task.result()
        yield
    finally:
        closing.set()
        for one in servers:
            one.should_exit = True
        await asyncio.gather(*tasks)


def _config(name: str, app: App, tls: Tls | None) -> uvicorn.Config:
    secure: dict[str, Any] = {}
    if tls:
        needed = ssl.CERT_REQUIRED if name in tls.client_required else ssl.CERT_NONE
        secure = {
            "ssl_certfile": tls.cert_file,
            "ssl_keyfile": tls.key_file,
            "ssl_ca_certs": str(tls.ca_file),
            "ssl_cert_reqs": needed,
        }
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        **secure,
    )
