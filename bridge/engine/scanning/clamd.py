"""Scanning by clamd.

Source: clamd(8), INSTREAM: ``zINSTREAM``, pieces that begin with their length, and one of no length at the
end. The answer is ``stream: OK``, ``stream: NAME FOUND`` or words that end in ``ERROR``.
"""

import asyncio
import re
from typing import Final
from urllib.parse import urlsplit

from bridge.contracts.document_events import Scan
from bridge.engine.scanning.connection import ScanFailed, ScanSession

_FOUND: Final = re.compile(r"stream: (?P<signature>[\x21-\x7e]{1,200}) FOUND")
_PORT: Final = 3310


class ClamdSession(ScanSession):
    """One INSTREAM session, over TCP or a socket of this machine."""

    _answer_ends = b"\0"

    @staticmethod
    async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return await asyncio.open_unix_connection(parts.path)
        return await asyncio.open_connection(parts.hostname, parts.port or _PORT)

    def _beginning(self, url: str) -> bytes:  # noqa: ARG002 - ICAP repeats it
        return b"zINSTREAM\0"

    def _framed(self, piece: bytes) -> tuple[bytes, ...]:
        return len(piece).to_bytes(4, "big"), piece

    def _end(self) -> bytes:
        return bytes(4)

    def _read(self, answer: str) -> Scan:
        said = answer.strip("\0\n")
        if said == "stream: OK":
            return {"verdict": "clean", "scanner": "clamd"}
        if found := _FOUND.fullmatch(said):
            return {"verdict": "infected", "scanner": "clamd", "signature": found["signature"]}
        # Its own words may quote what it was looking at.
        raise ScanFailed("size_limit" if "size limit" in said else "no_verdict")
