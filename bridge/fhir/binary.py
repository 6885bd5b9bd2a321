r"""A Binary of STU3 read as it comes: its content is decoded on the way, and never stands whole in memory.

The resource is one JSON object, whose members may come in any order::

    {"resourceType": "Binary", "id": "…", "contentType": "application/pdf", "content": "JVBERi0x…"}

What is not content is small, and read when all of it has come. Writers of JSON differ in how they put base64
into a text: with ``\/`` for a slash, ``\u002B`` for a plus sign, in lines of 76.
"""

import binascii
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson
import pybase64

from bridge.fhir.parsing import loads
from bridge.fhir.read import Item
from bridge.values import dataclass

_MOST_BESIDES: Final = 64 * 1024
"""Bytes of the resource without its content: real ones have some two hundred."""
_GROUP: Final = 4
"""Letters of base64 that make whole bytes."""
_BLANK: Final = b" \t\r\n"
_ESCAPE: Final = re.compile(rb"\\(?:u(?P<unit>[0-9a-fA-F]{4})|(?P<letter>.))", re.DOTALL)
_CUT_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_LETTERS: Final[Mapping[bytes, bytes]] = MappingProxyType({b"/": b"/", b"n": b"", b"r": b"", b"t": b""})
_QUOTE, _BACKSLASH, _COLON = b'"'[0], b"\\"[0], b":"[0]
_OPENING, _CLOSING = frozenset(b"{["), frozenset(b"}]")
_CONTENT: Final = "content"


class BinaryInvalid(Exception):  # noqa: N818 - what it is
    """This is no Binary, or it cannot be read; `detail` is a code and holds nothing of it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class BinaryFacts:
    """What a Binary says besides its content.

    Attributes:
        content_type: the media type as sent; None when there is none.
        issues: issue codes of what was mended to read it (`bridge.fhir.parsing`).
    """

    content_type: str | None
    issues: tuple[str, ...]


class BinaryReader:
    """Takes a Binary piece by piece and gives its content, decoded, as soon as it can be."""

    def __init__(self) -> None:
        self._besides = bytearray()
        self._depth = 0
        self._text_from: int | None = None
        self._is_escaped = False
        self._last_text: bytes | None = None
        self._may_begin = False
        self._in_content = False
        self._has_content = False
        self._is_padded = False
        self._undecoded = b""
        self._cut_escape = b""

    def feed(self, piece: bytes) -> bytes:
        """Take the next bytes of the JSON; the bytes of the document that they complete.

        Raises:
            BinaryInvalid: what has come so far cannot be one.
        """
        decoded, start = b"", 0
        while start < len(piece):
            if self._in_content:
                end = piece.find(_QUOTE, start)
                part = piece[start:] if end < 0 else piece[start:end]
                decoded += self._decode(part)
                if end < 0:
                    break
                self._end_content()
                start = end  # its closing mark belongs to what is besides
            start = self._read_besides(piece, start)
        return decoded

    def finish(self) -> BinaryFacts:
        """What it says besides its content, once all of it has come.

        Raises:
            BinaryInvalid: it ends in the middle, is another resource, or has no content.
        """
        if self._in_content or self._depth:
            raise BinaryInvalid("truncated")
        try:
            resource, issues = loads(bytes(self._besides))
        except orjson.JSONDecodeError:
            raise BinaryInvalid("not_json") from None
        if not isinstance(resource, dict) or resource.get("resourceType") != "Binary":
            raise BinaryInvalid("not_a_binary")
        if not self._has_content:
            raise BinaryInvalid("no_content")
        item = Item(resource, "Binary")
        return BinaryFacts(item.code(resource.get("contentType"), "contentType"), issues)

    def _read_besides(self, piece: bytes, start: int) -> int:
        """Read on until the content begins or the piece ends; where that is."""
        for place in range(start, len(piece)):
            byte = piece[place]
            self._besides.append(byte)
            if self._text_from is not None:
                self._read_text(byte)
            elif byte == _QUOTE:
                self._text_from = len(self._besides) - 1
                if self._may_begin and self._depth == 1:
                    self._begin_content()
                    return place + 1
            elif byte == _COLON:
                self._may_begin = self._depth == 1 and _names_content(self._last_text)
            elif byte in _OPENING:
                self._depth += 1
                self._may_begin = False
            elif byte in _CLOSING:
                self._depth -= 1
            elif byte not in _BLANK:
                self._may_begin = False
        if len(self._besides) > _MOST_BESIDES:
            raise BinaryInvalid("too_much_besides_content")
        return len(piece)

    def _read_text(self, byte: int) -> None:
        if self._is_escaped:
            self._is_escaped = False
        elif byte == _BACKSLASH:
            self._is_escaped = True
        elif byte == _QUOTE:
            self._last_text = bytes(self._besides[self._text_from :])
            self._text_from = None
            self._may_begin = False

    def _begin_content(self) -> None:
        if self._has_content:
            raise BinaryInvalid("content_twice")
        self._in_content = self._has_content = True

    def _end_content(self) -> None:
        if self._cut_escape or self._undecoded:
            raise BinaryInvalid("content_not_base64")
        self._in_content = False

    def _decode(self, part: bytes) -> bytes:
        text = self._undecoded + self._unescaped(part)
        if not text:
            return b""
        whole = len(text) // _GROUP * _GROUP
        self._undecoded = text[whole:]
        try:
            return self._decode_groups(text[:whole])
        except binascii.Error:
            # With line ends in it, which are looked for only in what the decoder refused.
            text = text.translate(None, _BLANK)
            whole = len(text) // _GROUP * _GROUP
            self._undecoded = text[whole:]
        try:
            return self._decode_groups(text[:whole])
        except binascii.Error:
            raise BinaryInvalid("content_not_base64") from None

    def _decode_groups(self, groups: bytes) -> bytes:
        if not groups:
            return b""
        if self._is_padded:
            raise BinaryInvalid("content_not_base64")  # something follows its end
        decoded = pybase64.b64decode(groups, validate=True)
        self._is_padded = groups.endswith(b"=")
        return decoded

    def _unescaped(self, part: bytes) -> bytes:
        if self._cut_escape:
            part, self._cut_escape = self._cut_escape + part, b""
        if _BACKSLASH not in part:
            return part
        if cut := _CUT_ESCAPE.search(part):
            part, self._cut_escape = part[: cut.start()], cut[0]
        return _ESCAPE.sub(_letter, part.replace(b"\\/", b"/"))


def _names_content(text: bytes | None) -> bool:
    try:
        return text is not None and orjson.loads(text) == _CONTENT
    except orjson.JSONDecodeError:
        return False


def _letter(escape: re.Match[bytes]) -> bytes:
    if escape["unit"] is None:
        letter = _LETTERS.get(escape["letter"])
    else:
        letter = chr(int(escape["unit"], 16)).encode("utf-8", "surrogatepass").translate(None, _BLANK)
    if letter is None:
        raise BinaryInvalid("content_not_base64")
    return letter
