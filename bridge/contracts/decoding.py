"""The bytes of a message become JSON values, within bounds, before anything looks at what they say."""

import json
from typing import Any, Final

import orjson

from bridge.errors import RequestRejected
from bridge.record.nesting import is_nested_deeper

MAX_BYTES: Final = 256 * 1024
"""Of a message, where the installation sets no other bound. A request is under 2 KiB."""

MAX_DEPTH: Final = 32
"""Levels of objects and arrays; the deepest request there is has five, its envelope included."""

_FRAMED: Final = (b"\x00\x53", b"\x00\x80")
"""How sections of AMQP 1.0 begin; JSON never does."""
_UNFRAME: Final = "is framed as AMQP 1.0: send the JSON as a data section, or as one text or binary value"


def json_object(body: bytes, *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object that a message body is.

    Args:
        body: as delivered.
        max_bytes: the largest body that is read at all.

    Raises:
        RequestRejected: too large, not JSON in UTF-8 (RFC 8259: no NaN, no lone surrogate, no number beyond a
            double), not an object, nested too deeply, or ambiguous because an object names a key twice.
    """
    if len(body) > max_bytes:
        raise RequestRejected("body", f"is larger than {max_bytes} bytes")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        if body.startswith(_FRAMED):
            raise RequestRejected("body", _UNFRAME) from None
        raise RequestRejected("body", "must be JSON in UTF-8") from None
    if type(content) is not dict:
        raise RequestRejected("body", "must be a JSON object")
    # Hardly any body has as many brackets as that takes.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and is_nested_deeper(content, MAX_DEPTH):
        raise RequestRejected("body", f"is nested deeper than {MAX_DEPTH} levels")
    try:
        # Parsers differ in which of two they take, so what was checked upstream may not be what is read here.
        json.loads(body, object_pairs_hook=_unique)
    except _DuplicateKeyError:
        raise RequestRejected("body", "must not name a key twice in one object") from None
    return content


class _DuplicateKeyError(Exception):
    """An object names a key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _DuplicateKeyError
