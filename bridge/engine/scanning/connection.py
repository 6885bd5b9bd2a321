"""A connection to a scanner: every step has its time, and whatever goes wrong is no verdict."""

import asyncio
from abc import ABC, abstractmethod
from typing import Self

from bridge.contracts.document_events import Scan


class ScanFailed(Exception):  # noqa: N818 - what happened to the scan
    """No verdict can be had now; `detail` is a code."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ScanSession(ABC):
    """One document before one scanner. Every method raises `ScanFailed`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout: float) -> None:
        self._reader = reader
        self._writer = writer
        self._timeout = timeout
        self._early: Scan | None = None

    @classmethod
    async def begun(cls, url: str, timeout: float) -> Self:  # noqa: ASYNC109 - of each step to come
        """Connect, and say that a document follows."""
        try:
            async with asyncio.timeout(timeout):
                session = cls(*await cls._connect(url), timeout)
        except TimeoutError:
            raise ScanFailed("timeout") from None
        except OSError:
            raise ScanFailed("not_reached") from None
        session._writer.write(session._beginning(url))
        return session

    async def feed(self, piece: bytes) -> bool:
        """Send the next bytes; always true."""
        if piece and self._early is None:
            self._writer.writelines(self._framed(piece))
            await self._sent()
        return True

    async def verdict(self) -> Scan:
        """Say that this was all, and read the answer."""
        if self._early is None:
            self._writer.write(self._end())
            await self._sent()
        return self._early or self._read(await self._answer())

    def close(self) -> None:
        """End the connection: after the verdict there is nothing to send, and without one nothing matters."""
        self._writer.transport.abort()

    @staticmethod
    @abstractmethod
    async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the server of a URL."""

    @abstractmethod
    def _beginning(self, url: str) -> bytes:
        """What stands before the document."""

    @abstractmethod
    def _framed(self, piece: bytes) -> tuple[bytes, ...]:
        """A piece of it, as the server reads one."""

    @abstractmethod
    def _end(self) -> bytes:
        """What stands behind it."""

    @abstractmethod
    def _read(self, answer: str) -> Scan:
        """What an answer means."""

    _answer_ends: bytes
    """Where it does: what stands behind that is not read."""

    async def _sent(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._writer.drain()
        except TimeoutError:
            raise ScanFailed("timeout") from None
        except OSError:
            # It says why before it closes. It may have seen enough; but what it did not see is never clean.
            found = self._read(await self._answer())
            if found["verdict"] != "infected":
                raise ScanFailed("broken_off") from None
            self._early = found

    async def _answer(self) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._reader.readuntil(self._answer_ends)
        except asyncio.IncompleteReadError as ended:
            answer = ended.partial
        except TimeoutError:
            raise ScanFailed("timeout") from None
        except (OSError, asyncio.LimitOverrunError):
            raise ScanFailed("broken_off") from None
        return answer.decode("ascii", "replace")
