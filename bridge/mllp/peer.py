"""The peer that messages are sent to: a few connections, and on each one message at a time.

=========================================  ==========================================================
what came                                  what it means
=========================================  ==========================================================
an acknowledgement with our control id     the peer's word, whatever it is: `Acknowledgement`
one with another control id                nobody knows: `PeerAway`, ``wrong_control_id``
no frame in time, a cut, no frame at all   nobody knows: `PeerAway`, with how it failed
no connection                              not sent: `PeerAway`, with how it failed
=========================================  ==========================================================

After `PeerAway` the connection is closed: an answer that comes late must not be taken for that to the next
message. The message may have arrived, so it is sent again under the same control id, by which the receiver
knows it.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from bridge.credentials.tls import TlsFiles
from bridge.hl7v2 import MessageFault
from bridge.mllp.acknowledgements import Acknowledgement, read_acknowledgement
from bridge.mllp.framing import FrameBroken, begins, framed, rest_of_frame
from bridge.observe import record
from bridge.observe.causes import causes, tls_code
from bridge.observe.spans import SpanAttributes, SpanKind, span
from bridge.observe.vocabulary.upstreams import UpstreamCall
from bridge.settings import MllpSettings
from bridge.values import dataclass

LARGEST_ANSWER: Final = 64 * 1024
"""Bytes of an acknowledgement."""
_FAREWELL: Final = 1.0
"""Seconds to say goodbye to a peer that may not listen any more."""


class PeerAway(Exception):  # noqa: N818 - what it is
    """The peer said nothing that can be used: nobody knows whether it has the message.

    Attributes:
        reason: how it failed, in the words of `upstream_call`.
        was_sent: whether the message may be why: there was a connection, and the message went into it.
    """

    def __init__(self, reason: str, *, was_sent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.was_sent = was_sent


@dataclass(slots=True)
class _PeerConnection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_usable(self) -> bool:
        """Whether nothing came since the last answer, and neither side has closed it."""
        return not self.writer.is_closing() and not self.reader.at_eof()


class Peer:
    """Connections to the peer, made when they are needed and kept.

    Args:
        settings: with a peer.

    Raises:
        Misconfigured: a file of a certificate is not what it should be.
    """

    def __init__(self, settings: MllpSettings) -> None:
        assert settings.peer is not None, "whoever sends has been told where to"
        place = urlsplit(settings.peer)
        self._host, self._port = place.hostname or "", place.port or 0
        files = TlsFiles.of("BRIDGE_MLLP", settings)
        self._secured = files.renewed_client("mllp_tls") if place.scheme == "mllps" else None
        self._settings = settings
        self._free = asyncio.Semaphore(settings.connections)
        self._idle: list[_PeerConnection] = []

    async def send(self, message: bytes, *, kind: str, control_id: str) -> Acknowledgement:
        """Send a message on a connection that is free, and return the peer's word about it.

        Args:
            message: as it stands between the ends of a frame.
            kind: what it is, ``ADT^A31``, for the log.
            control_id: its MSH-10.

        Raises:
            PeerAway: there is none.
        """
        said: SpanAttributes = {
            "bridge.upstream": "mllp",
            "bridge.interaction": kind,
            "bridge.trace_id": control_id,
            "server.address": self._host,
            "server.port": self._port,
        }
        async with self._free:
            started = time.perf_counter()
            result = "cancelled"
            with span("MLLP send", said, kind=SpanKind.CLIENT) as made:
                try:
                    answer = await self._exchange(message, control_id)
                    result = "answered"
                except PeerAway as fault:
                    result = fault.reason
                    made.failed(result)
                    raise
                finally:
                    made.tell({"bridge.result": result})
                    spent = round((time.perf_counter() - started) * 1000, 1)
                    record(UpstreamCall("mllp", kind, result, spent, trace_id=control_id))
            return answer

    async def try_connection(self) -> None:
        """Connect, and close the connection: nothing is sent.

        Raises:
            PeerAway: there is none.
        """
        await _close(await self._connect())

    async def close(self) -> None:
        """Close what is idle. To be called when nothing is sent any more."""
        while self._idle:
            await _close(self._idle.pop())

    async def _exchange(self, message: bytes, control_id: str) -> Acknowledgement:
        async with self._connection() as connection:
            try:
                connection.writer.write(framed(message))
                async with asyncio.timeout(self._settings.ack_timeout):
                    await connection.writer.drain()
                    if not await begins(connection.reader):
                        raise PeerAway("connection_broken", was_sent=True)
                    answer = await rest_of_frame(connection.reader)
                acknowledgement = read_acknowledgement(answer)
            except TimeoutError:
                raise PeerAway("read_timeout", was_sent=True) from None
            except FrameBroken as fault:
                raise PeerAway(fault.reason, was_sent=True) from None
            except MessageFault:
                raise PeerAway("protocol_broken", was_sent=True) from None
            except OSError as error:  # of TLS too
                raise PeerAway(_reason(error, "connection_broken"), was_sent=True) from None
            if acknowledgement.control_id != control_id:
                raise PeerAway("wrong_control_id", was_sent=True)
            return acknowledgement

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_PeerConnection]:
        """One that nobody else uses meanwhile. It is kept only when all went well."""
        connection = await self._kept() or await self._connect()
        try:
            yield connection
        except BaseException:
            await _close(connection)
            raise
        self._idle.append(connection)

    async def _kept(self) -> _PeerConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            await _close(connection)
        return None

    async def _connect(self) -> _PeerConnection:
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                reader, writer = await asyncio.open_connection(
                    self._host,
                    self._port,
                    ssl=self._secured() if self._secured else None,
                    limit=LARGEST_ANSWER,
                )
        except TimeoutError:
            raise PeerAway("connect_timeout") from None
        except OSError as error:
            raise PeerAway(_reason(error, "connect_failed")) from None
        # A peer that is gone without a word is noticed although nothing is sent for hours.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return _PeerConnection(reader, writer)


def _reason(error: OSError, otherwise: str) -> str:
    of_tls = (each for each in causes(error) if isinstance(each, ssl.SSLError))
    return next((tls_code(each) for each in of_tls), otherwise)


async def _close(connection: _PeerConnection) -> None:
    connection.writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            await connection.writer.wait_closed()
    connection.writer.transport.abort()  # a peer that does not close its side holds nothing up
