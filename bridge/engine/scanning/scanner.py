"""Malware scanning of documents: while they come, so that none waits for it whole in memory."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from bridge.contracts.document_events import Scan
from bridge.engine.scanning.clamd import ClamdSession
from bridge.engine.scanning.connection import ScanFailed, ScanSession
from bridge.engine.scanning.icap import IcapSession
from bridge.errors import FailureCode, Unavailable
from bridge.observe import record
from bridge.observe.vocabulary.process import ScannerAway
from bridge.settings import ScanSettings

T = TypeVar("T")


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
    """A scan by a server. Where it fails the settings say whether the document goes on without a verdict."""

    def __init__(self, settings: ScanSettings) -> None:
        self._settings = settings
        self._session: ScanSession | None = None

    async def begin(self, url: str) -> None:
        session = IcapSession if urlsplit(url).scheme == "icap" else ClamdSession
        self._session = await self._or_not(session.begun(url, self._settings.timeout))

    async def feed(self, piece: bytes) -> None:
        """See `DocumentScan.feed`."""
        if self._session is not None and await self._or_not(self._session.feed(piece)) is None:
            self.close()

    async def verdict(self) -> Scan:
        """See `DocumentScan.verdict`."""
        scan = await self._or_not(self._session.verdict()) if self._session is not None else None
        return scan or await _NotScanned("unavailable").verdict()

    def close(self) -> None:
        """End the connection, whatever was sent."""
        if self._session is not None:
            self._session.close()
        self._session = None

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
