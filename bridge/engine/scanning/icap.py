"""Scanning by a server that speaks ICAP.

Source: RFC 3507, RESPMOD: the document is the body of an HTTP answer that the server may let pass. 204 says
that it would change nothing; an infection is named in a header, for which there is no standard:
``X-Infection-Found`` (draft-stecher-icap-subid), ``X-Virus-ID`` and ``X-Violations-Found`` are in use.
"""

import asyncio
import re
from typing import Final
from urllib.parse import urlsplit

from bridge.contracts.document_events import Scan
from bridge.engine.scanning.connection import ScanFailed, ScanSession

_PORT: Final = 1344
# A server wants to be told what was asked for; nothing of a real address, or of a patient, stands in it.
_ASKED: Final = b"GET http://document.invalid/ HTTP/1.1\r\nHost: document.invalid\r\n\r\n"
_ANSWERED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n"
_STATUS: Final = re.compile(r"ICAP/1\.\d (?P<status>\d{3})\b")
_INFECTED: Final = re.compile(
    r"^x-(?:infection-found|virus-id|violations-found):(?P<what>.*)$", re.IGNORECASE | re.MULTILINE
)
_THREAT: Final = re.compile(r"(?:\bThreat=)?(?P<name>[^\s;=]{1,200});?\s*$")
_PASSES: Final = "204"


class IcapSession(ScanSession):
    """One RESPMOD request."""

    _answer_ends = b"\r\n\r\n"

    @staticmethod
    async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(url)
        return await asyncio.open_connection(parts.hostname, parts.port or _PORT)

    def _beginning(self, url: str) -> bytes:
        head = (
            f"RESPMOD {url} ICAP/1.0\r\nHost: {urlsplit(url).netloc}\r\nAllow: 204\r\nConnection: close\r\n"
            f"Encapsulated: req-hdr=0, res-hdr={len(_ASKED)}, res-body={len(_ASKED) + len(_ANSWERED)}\r\n\r\n"
        )
        return head.encode("ascii") + _ASKED + _ANSWERED

    def _framed(self, piece: bytes) -> tuple[bytes, ...]:
        return f"{len(piece):x}\r\n".encode(), piece, b"\r\n"

    def _end(self) -> bytes:
        return b"0\r\n\r\n"

    def _read(self, answer: str) -> Scan:
        status = _STATUS.match(answer)
        if status is not None and (found := _INFECTED.search(answer)):
            name = _THREAT.search(found["what"].strip())
            signature = name["name"] if name else "unnamed"
            return {"verdict": "infected", "scanner": "icap", "signature": signature}
        if status is not None and status["status"] == _PASSES and answer.endswith("\r\n\r\n"):
            return {"verdict": "clean", "scanner": "icap"}
        # 200 without a header that says why: it would show something else, and nobody knows for what reason.
        raise ScanFailed("no_verdict")
