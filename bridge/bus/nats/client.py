"""The client of nats-py, which reads whatever a stream may hold.

A message in a stream has the headers that its sender wrote, byte by byte. In nats-py the header ``Status``
means that the server speaks, so a sender's own makes the message one that is never handed over; headers
without a line of their own end the task that reads, so that the client is deaf until its heartbeats are
missed; and a header is read whatever its name is, but can be written under a token only, so that no copy
could be made. Each time the server hands the message over again, for ever.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from nats.aio.client import Client, Srv

from bridge.bus.access import Access
from bridge.bus.nats.creds import Creds
from bridge.credentials.reload import Reloaded

_VERSION: Final = b"NATS/1.0"
_STORED: Final = b"$JS.ACK."
"""How the reply subject of a message out of a stream begins; those of the server itself have none."""
_NAMED: Final = re.compile(rb"[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*:")
"""A line whose name is a token, as HTTP has it: what is none names no header."""
_FAREWELL: Final = 2.0
_PORT: Final = 4222


class Servers(NamedTuple):
    """What a client connects to.

    Attributes:
        urls: any of which will do.
        name: what their certificates must be issued to; None where each URL says it.
    """

    urls: Sequence[str]
    name: str | None


async def servers_of(urls: Sequence[str]) -> Servers:
    """The servers that are listed; of a single name also each address that it stands for at this moment.

    The name stays among them: the addresses may be others when the client connects again.
    """
    if len(urls) > 1:
        return Servers(urls, None)
    parts = urlsplit(urls[0])
    host, port = parts.hostname, parts.port or _PORT
    try:
        told = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return Servers(urls, None)  # the driver says so
    hosts = dict.fromkeys(str(address[0]) for *_, address in told)
    if len(hosts) == 1:
        return Servers(urls, None)
    user, at, _ = parts.netloc.rpartition("@")
    places = (f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in hosts)
    return Servers([*urls, *(parts._replace(netloc=f"{user}{at}{one}").geturl() for one in places)], host)


async def leave(client: Client) -> None:
    """Close a client's connection.

    After a handshake of TLS that failed, nats-py 2.16 waits for the end of a link that has no end any more.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            await client.close()


async def answered(client: Client, *, timeout: int = 10) -> None:  # noqa: ASYNC109 - handed on
    """Wait until the server has read all that was written, and has said what it has to say about it.

    nats-py 2.16 writes the ping of a flush at once and what is pending behind it, so the first answer proves
    nothing: only the second ping comes after all of it.

    Raises:
        nats.errors.Error: the link is gone, or nothing came within `timeout` seconds.
    """
    for _ in range(2):
        await client.flush(timeout=timeout)


class ReadingClient(Client):
    """Tells what a sender wrote from what the server says, by where a message comes from.

    With ``tls://``, or with certificates in the settings, it never speaks without TLS. nats-py does when the
    server says in the clear that it has none, and whoever stands in between can say so too.

    Args:
        urls: of the servers, with one address each.
        access: of the settings.
    """

    def __init__(self, urls: Sequence[str], access: Access) -> None:
        super().__init__()
        self._contexts = access.tls
        self._secured = access.tls is not None or urlsplit(urls[0]).scheme == "tls"
        self._signing_in = signing_in(urls[0], access)
        self._urls = urls

    async def sign_in(self, **options: Any) -> None:
        """Connect to one of the servers as the settings say; takes what `connect` takes beside their URLs."""
        servers = await servers_of(self._urls)
        await self.connect(list(servers.urls), tls_hostname=servers.name, **self._signing_in, **options)

    @property
    def is_in_cluster(self) -> bool:
        """Whether the server that we are connected to is one of several."""
        return "cluster" in self._server_info

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """With the certificates of this moment."""
        return super().ssl_context if self._contexts is None else self._contexts()

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 - the driver's own
        # What was to be published while the link is down is written now, if it is not left out: to a link
        # that is closed, of which asyncio's loop says nothing, but libuv's raises in the midst of the end.
        self._pending, self._pending_data_size = [], 0
        await super()._close(status, do_cbs)

    async def _connect_to_server(self, s: Srv) -> None:
        # One that ended in its handshake, as of a server that stops, nats-py 2.16 forgets without closing it.
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    async def _process_info(self, info: dict[str, Any], *of_first: Any, **named: Any) -> None:
        if self._secured:
            self._server_info["tls_required"] = True
        await super()._process_info(info, *of_first, **named)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if headers and reply.startswith(_STORED):
            headers = senders_own(headers)
        await super()._process_msg(sid, subject, reply, data, headers)


def senders_own(headers: bytes) -> bytes:
    """The header block of a message out of a stream, so that no line of it passes for the server's."""
    lines = headers.removeprefix(_VERSION).split(b"\r\n")[1:]
    named = (_renamed(line) for line in lines if _NAMED.match(line))
    return b"\r\n".join((_VERSION, *named, b"", b""))


def _renamed(line: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    return (name.lower() if name.strip() == b"Status" else name) + colon + value


def signing_in(url: str, access: Access) -> Mapping[str, Any]:
    """What the driver asks each time it connects: the password of the URL's user, a token, or a signature.

    Raises:
        Misconfigured: there are no credentials in their file.
    """
    if access.creds_file is not None:
        creds = Reloaded("bus_creds", [access.creds_file], partial(Creds.read, access.creds_file))
        return {
            "user_jwt_cb": lambda: bytearray(creds().jwt),
            "signature_cb": lambda nonce: creds().signature(nonce),
        }
    if access.password is None:
        return {}
    if user := urlsplit(url).username:
        return {"user": lambda: unquote(user), "password": access.password}
    return {"token": access.password}
