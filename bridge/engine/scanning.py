"""Malware scanning of documents: by clamd, while they come, so that none waits for it whole in memory.

Source: clamd(8), INSTREAM: ``zINSTREAM``, pieces that begin with their length, and one of no length at the
end. The answer is ``stream: OK``, ``stream: NAME FOUND`` or words that end in ``ERROR``.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from bridge.contracts.document_events import Scan
from bridge.errors import FailureCode, Unavailable
from bridge.observe import record
from bridge.observe.vocabulary.process import ScannerAway
from bridge.settings import ScanSettings

_FOUND: Final = re.compile(r"stream: (?P<signature>[\x21-\x7e]{1,200}) FOUND")
_CLAMD_PORT: Final = 3310
T = TypeVar("T")


class ScanFailed(Exception):  # noqa: N818 - what happened to the scan
    """No verdict can be had now; `detail` is a code."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class DocumentScan(Protocol):
    """The scan of one document."""

    async def feed(self, piece: bytes) -> None:
        """Look at the next bytes of it."""

    async def verdict(self) -> Scan:
        """What is said of it, once all of it was fed."""


class Scanner:
    """Scans documents as the settings say.

    Args:
        settings: of the installation.
    """

    def __init__(self, settings: ScanSettings) -> None:
        self._settings = settings

    @asynccontextmanager
    async def scanning(self) -> AsyncIterator[DocumentScan]:
        """A scan for one document, before anything is asked for.

        Raises:
            Unavailable: ``scanner_unavailable``: the scanner gives no verdict now, and nothing is published
                without one. `feed` and `verdict` raise it as well.
        """
        if self._settings.url is None:
            yield _NotScanned("not_configured")
            return
        guarded = _Guarded(self._settings)
        try:
            await guarded.begin(self._settings.url)
            yield guarded
        finally:
            guarded.close()


class _NotScanned:
    """Lets everything pass, and says that nobody looked."""

    def __init__(self, reason: Literal["not_configured", "unavailable"]) -> None:
        self._scan: Scan = {"verdict": "not_scanned", "reason": reason}

    async def feed(self, piece: bytes) -> None:
        """Nobody looks."""

    async def verdict(self) -> Scan:
        """Not scanned, and why."""
        return self._scan


class _Guarded:
    """A scan by clamd. Where it fails the settings say whether the document goes on without a verdict."""

    def __init__(self, settings: ScanSettings) -> None:
        self._settings = settings
        self._clamd: _Clamd | None = None

    async def begin(self, url: str) -> None:
        self._clamd = await self._or_not(_Clamd.connected(url, self._settings.timeout))

    async def feed(self, piece: bytes) -> None:
        """See `DocumentScan.feed`."""
        if self._clamd is not None and await self._or_not(self._clamd.feed(piece)) is None:
            self.close()

    async def verdict(self) -> Scan:
        """See `DocumentScan.verdict`."""
        scan = await self._or_not(self._clamd.verdict()) if self._clamd is not None else None
        return scan or await _NotScanned("unavailable").verdict()

    def close(self) -> None:
        """End the connection, whatever was sent."""
        if self._clamd is not None:
            self._clamd.close()
        self._clamd = None

    async def _or_not(self, step: Awaitable[T]) -> T | None:
        """What a step came to; None when it failed and the document goes on without a verdict."""
        try:
            return await step
        except ScanFailed as failure:
            record(ScannerAway(failure.detail))
            if self._settings.when_unavailable == "publish":
                return None
            detail = f"scanner_unavailable {failure.detail}"
            raise Unavailable(FailureCode.INTERNAL, stage="engine", detail=detail) from None


class _Clamd:
    """One INSTREAM session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float) -> None:
        self._reader = reader
        self._writer = writer
        self._timeout = timeout

    @classmethod
    async def connected(cls, url: str, timeout: float) -> "_Clamd":  # noqa: ASYNC109 - of each step to come
        """Connect, and begin.

        Raises:
            ScanFailed: nobody answers there.
        """
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(timeout):
                if parts.scheme == "unix":
                    streams = await asyncio.open_unix_connection(parts.path)
                else:
                    streams = await asyncio.open_connection(parts.hostname, parts.port or _CLAMD_PORT)
                session = cls(*streams, timeout)
                streams[1].write(b"zINSTREAM\0")
        except TimeoutError:
            raise ScanFailed("timeout") from None
        except OSError:
            raise ScanFailed("not_reached") from None
        return session

    async def feed(self, piece: bytes) -> bool:
        """Send the next bytes; always true.

        Raises:
            ScanFailed: they are not taken.
        """
        if piece:
            self._writer.write(len(piece).to_bytes(4, "big"))
            self._writer.write(piece)
            await self._sent()
        return True

    async def verdict(self) -> Scan:
        """Say that this was all, and read the answer.

        Raises:
            ScanFailed: there is none, or it is no verdict.
        """
        self._writer.write(bytes(4))
        await self._sent()
        answer = await self._answer()
        if answer == "stream: OK":
            return {"verdict": "clean", "scanner": "clamd"}
        if found := _FOUND.fullmatch(answer):
            return {"verdict": "infected", "scanner": "clamd", "signature": found["signature"]}
        # Its own words may quote what it was looking at.
        raise ScanFailed("size_limit" if "size limit" in answer else "no_verdict")

    def close(self) -> None:
        """End the connection: after the verdict there is nothing to send, and without one nothing matters."""
        self._writer.transport.abort()

    async def _sent(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._writer.drain()
        except TimeoutError:
            raise ScanFailed("timeout") from None
        except OSError:
            # It says why before it closes: a document over its own limit, for one.
            raise ScanFailed("size_limit" if "size limit" in await self._answer() else "broken_off") from None

    async def _answer(self) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._reader.readuntil(b"\0")
        except asyncio.IncompleteReadError as ended:
            answer = ended.partial
        except TimeoutError:
            raise ScanFailed("timeout") from None
        except (OSError, asyncio.LimitOverrunError):
            raise ScanFailed("broken_off") from None
        return answer.decode("ascii", "replace").strip("\0\n")
