"""The one place where what a practice or a national service sent becomes JSON values.

One stray thing must not cost a whole record (CS-041): a byte order mark is stripped, an escape that is half
of a character is replaced. Both are looked for only in what the parser refused.
"""

import re
from typing import Any, Final

import orjson

from bridge.fhir.digits import keep_digits
from bridge.heap import large_blocks_from_heap
from bridge.values import dataclass

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""Every escape of a text, so that an escaped backslash begins none; a half that stands alone is the group."""
_MODIFIERS: Final = (b"modifierExtension", b"implicitRules")
_ESCAPED: Final = rb"\u00"
"""The names themselves may be written with escapes."""
_FEW: Final = 10_000
"""Backslashes that are looked at one by one, which takes a third of the time while there are few."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What bytes say.

    Attributes:
        content: any JSON value.
        issues: issue codes of what was mended to read it: `byte_order_mark`, `replaced_characters`.
        may_hold_modifiers: false when no element can be `modifierExtension` or `implicitRules`.
    """

    content: Any
    issues: tuple[str, ...]
    may_hold_modifiers: bool


def parse(body: bytes) -> Parsed:
    """The JSON in `body`, with the digits of decimals kept (`bridge.fhir.digits`).

    Raises:
        orjson.JSONDecodeError: it is not JSON, or not UTF-8, even so.
    """
    written = keep_digits(body)
    with large_blocks_from_heap():
        try:
            content, issues = loads(written)
        except orjson.JSONDecodeError:
            # A fault has its place in what was sent, not in what was made of it.
            content, issues = loads(body)
    # From the end is the quicker way to look for a name that hardly ever is there.
    may_hold = any(body.rfind(name) >= 0 for name in _MODIFIERS) or _holds_escaped_letters(body)
    return Parsed(content, issues, may_hold)


def _holds_escaped_letters(body: bytes) -> bool:
    place = -1
    for _ in range(_FEW):
        place = body.find(b"\\", place + 1)
        if place < 0 or body.startswith(_ESCAPED, place):
            return place >= 0
    return _ESCAPED in body


def loads(body: bytes) -> tuple[Any, tuple[str, ...]]:
    """The JSON in `body` and the issue codes of what was mended, as `parse` does; decimals are floats.

    Raises:
        orjson.JSONDecodeError: as `parse`.
    """
    try:
        return orjson.loads(body), ()
    except orjson.JSONDecodeError:
        bare = body.removeprefix(_BYTE_ORDER_MARK)
        whole = _ESCAPE.sub(_whole, bare)
        if whole == body:
            raise
    issues = ("byte_order_mark",) if bare != body else ()
    return orjson.loads(whole), (*issues, "replaced_characters") if whole != bare else issues


def _whole(escape: re.Match[bytes]) -> bytes:
    return escape[0] if escape[1] is None else rb"\ufffd"
