"""An answer, and how its body is read: up to a limit, decoded on the way."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol, cast

from isal import isal_zlib

from bridge.errors import ResponseInvalid, Stage
from bridge.values import dataclass

_STEP: Final = 64 * 1024
"""Decoded bytes produced at a time, so that a small body cannot become a large one in a single step."""

_GZIP: Final = 16 + isal_zlib.MAX_WBITS
# ISA-L reads gzip in less than half the time of zlib, which was most of what a large answer cost.
_NOT_UNPACKED: Final = cast("type[Exception]", isal_zlib.error)
"""The library's own error, which is no `zlib.error`; its types say that it is an exception, not a class."""
_SECONDS = re.compile(r"\d{1,6}")
_THROTTLED_OR_LATE: Final = frozenset({408, 429})
_FAULT: Final = 500
_NOT_OFFERED: Final = 501


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, decoded.

    Attributes:
        status: HTTP status, whatever it is.
        headers: names in lower case.
        body: after decompression; empty when a receiver took it.
        received: bytes after decompression, wherever they went.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received: int = -1

    def __post_init__(self) -> None:
        if self.received < 0:
            object.__setattr__(self, "received", len(self.body))

    @property
    def may_pass(self) -> bool:
        """Whether the status speaks of a fault that time may cure: throttled, timed out, out of order."""
        return self.status in _THROTTLED_OR_LATE or (self.status >= _FAULT and self.status != _NOT_OFFERED)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait as the other side asks: `Retry-After`, else the planned `X-Rate-Limit-Reset`."""
        for name in ("retry-after", "x-rate-limit-reset"):
            value = self.headers.get(name, "").strip()
            if _SECONDS.fullmatch(value):
                return float(value)
            if value and name == "retry-after":
                return _until(value)
        return None


def _until(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date).astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one beyond the years there are
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


class Receiver(Protocol):
    """Takes the body of an answer of success as it comes, in place of keeping it whole."""

    async def take(self, piece: bytes) -> None:
        """The next bytes, after decompression. What it raises ends the call and reaches the caller."""


class BrokenEncoding(Exception):  # noqa: N818 - what it is
    """The content encoding of a body is unknown, broken or ends in the middle; `detail` says which."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BodyDecoder:
    """Undoes the content encoding of a body on its way, so that no bomb expands in memory.

    Args:
        encoding: as the header says.

    Raises:
        BrokenEncoding: it is none of those that were asked for.
    """

    def __init__(self, encoding: str) -> None:
        self._inflate = None
        self._begun = False
        match encoding.strip().casefold():
            case "" | "identity":
                pass
            case "gzip" | "x-gzip":
                self._inflate = isal_zlib.decompressobj(_GZIP)
            case _:
                raise BrokenEncoding("content_encoding_unknown")

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What the next piece says, a bounded step at a time.

        Raises:
            BrokenEncoding: it cannot be decoded.
        """
        if self._inflate is None:
            yield chunk
            return
        try:
            while chunk:
                self._begun = True
                if self._inflate.eof:  # RFC 1952: one member may follow another
                    self._inflate = isal_zlib.decompressobj(_GZIP)
                yield self._inflate.decompress(chunk, _STEP)
                chunk = self._inflate.unconsumed_tail or self._inflate.unused_data
        except _NOT_UNPACKED:
            raise BrokenEncoding("gzip_broken") from None

    def finish(self) -> bytes:
        """What is left when all of the body has come.

        Raises:
            BrokenEncoding: it ends in the middle.
        """
        if self._inflate is None or not self._begun:
            return b""
        rest = self._inflate.flush()
        if not self._inflate.eof:
            raise BrokenEncoding("gzip_truncated")
        return rest


class BodyReader:
    """Collects a body up to a limit, decoding it on the way."""

    def __init__(self, encoding: str, limit: int, stage: Stage) -> None:
        self._limit = limit
        self._stage: Stage = stage
        # One growing block: a hundred answers in small pieces would fragment the heap.
        self._body = bytearray()
        try:
            self._decoder = BodyDecoder(encoding)
        except BrokenEncoding as broken:
            raise ResponseInvalid(stage=stage, detail=broken.detail) from None

    def feed(self, chunk: bytes) -> None:
        """Take the next piece as it came.

        Raises:
            ResponseInvalid: too large, or the encoding is broken.
        """
        try:
            for piece in self._decoder.pieces(chunk):
                self._add(piece)
        except BrokenEncoding as broken:
            raise self._invalid(broken.detail) from None

    def finish(self) -> bytes:
        """The whole body.

        Raises:
            ResponseInvalid: too large, or the encoding ends in the middle.
        """
        try:
            self._add(self._decoder.finish())
        except BrokenEncoding as broken:
            raise self._invalid(broken.detail) from None
        return bytes(self._body)

    def _add(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > self._limit:
            raise self._invalid("too_large")

    def _invalid(self, detail: str) -> ResponseInvalid:
        """By the hash of what was read, up to the limit: the same answer has the same hash again."""
        read = hashlib.sha256(memoryview(self._body)[: self._limit]).hexdigest()
        return ResponseInvalid(stage=self._stage, detail=detail, body_sha256=read)
