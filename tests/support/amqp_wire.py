"""AMQP 0-9-1 as other clients write it, byte by byte: the types and properties that our driver never writes."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from pamqp.commands import Basic
from pamqp.header import ContentHeader

Typed = tuple[str, Any]
"""A value and the letter of its type, as RabbitMQ's errata have it."""

_NUMBERS = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "f": ">f", "d": ">d"}
_FLAGS = {
    "content_type": 15,
    "headers": 13,
    "delivery_mode": 12,
    "correlation_id": 10,
    "expiration": 8,
    "message_id": 7,
    "timestamp": 6,
    "type": 5,
    "app_id": 3,
}


class WrittenHeader(ContentHeader):
    """A content header of these properties; texts are given as bytes."""

    def __init__(self, body: bytes, **properties: Any) -> None:
        super().__init__(body_size=len(body))
        self._written = _properties(properties)

    def marshal(self) -> bytes:
        return struct.pack(">HHQ", Basic.frame_id, 0, self.body_size) + self._written


def table(fields: Mapping[str, Typed]) -> bytes:
    """A field table, with its length."""
    written = b"".join(_short(name.encode()) + _value(*field) for name, field in fields.items())
    return struct.pack(">I", len(written)) + written


def _value(kind: str, value: Any) -> bytes:
    written = b""
    match kind:
        case "t":
            written = struct.pack(">B", value)
        case "S" | "x":
            written = struct.pack(">I", len(value)) + value
        case "T":
            written = struct.pack(">Q", value)
        case "D":
            written = struct.pack(">Bi", *value)
        case "F":
            written = table(value)
        case "A":
            written = _array(value)
        case "V":
            pass
        case _:
            written = struct.pack(_NUMBERS[kind], value)
    return kind.encode() + written


def _array(values: Sequence[Typed]) -> bytes:
    written = b"".join(_value(*value) for value in values)
    return struct.pack(">I", len(written)) + written


def _short(text: bytes) -> bytes:
    return struct.pack(">B", len(text)) + text


def _properties(given: Mapping[str, Any]) -> bytes:
    flags, written = 0, b""
    for name, bit in _FLAGS.items():
        if name not in given:
            continue
        flags |= 1 << bit
        value = given[name]
        if name == "headers":
            written += table(value)
        elif name == "timestamp":
            written += struct.pack(">Q", value)
        elif name == "delivery_mode":
            written += struct.pack(">B", value)
        else:
            written += _short(value)
    return struct.pack(">H", flags) + written
