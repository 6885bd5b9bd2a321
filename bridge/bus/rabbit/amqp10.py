"""What came over AMQP 1.0: RabbitMQ hands it to AMQP 0-9-1 with much of its encoding.

Of a body, a message of one data section arrives as its bytes. Any other keeps its encoded sections (a text of
Qpid JMS is one ``amqp-value``) and is labelled by the property ``type``. The plug-in of RabbitMQ 3 makes no
headers of application properties: it puts the encoded section of them, and of the properties, into a header
each. RabbitMQ 4 speaks AMQP 1.0 itself, and makes headers of them.

See "Interoperability with AMQP 0-9-1" in the plug-in's own guide, and sections 1.6, 3.2.4, 3.2.5 and 3.2.8 of
the AMQP 1.0 specification.
"""

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

LABEL: Final = "amqp-1.0"
"""``type`` of a message whose body is AMQP 1.0 sections."""
_APPLICATION_PROPERTIES: Final = "x-amqp-1.0-app-properties"
_PROPERTIES: Final = "x-amqp-1.0-properties"
_MESSAGE_ID, _CORRELATION_ID = 0, 5
"""Places in the list of properties."""

_DATA, _VALUE = 0x75, 0x77
_SIZES: Final = {0xA0: 1, 0xB0: 4, 0xA1: 1, 0xB1: 4}
"""Bytes of the length, by constructor: binary and text, short and long."""
_BINARY: Final = frozenset({0xA0, 0xB0})
_TEXT: Final = frozenset({0xA1, 0xB1, 0xA3, 0xB3})
_CONSTANTS: Final = {0x41: "true", 0x42: "false", 0x43: "0", 0x44: "0"}
_FORMATS: Final = {
    ">B": (0x50, 0x52, 0x53),
    ">b": (0x51, 0x54, 0x55),
    ">H": (0x60,),
    ">h": (0x61,),
    ">I": (0x70,),
    ">i": (0x71,),
    ">Q": (0x80,),
    ">q": (0x81,),
    ">f": (0x72,),
    ">d": (0x82,),
}
_NUMBERS: Final = {kind: form for form, kinds in _FORMATS.items() for kind in kinds}
_SMALL_ULONG: Final = 0x53
_BOOLEAN, _TIMESTAMP, _UUID = 0x56, 0x83, 0x98
_COMPOUND: Final = {0xC0: 1, 0xC1: 1, 0xD0: 4, 0xD1: 4}
"""Bytes of the size, and of the count, of lists and maps."""
_FIXED: Final = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
"""Bytes of a value, by the first half of its constructor."""
_VARIABLE: Final = {0xA: 1, 0xB: 4, 0xC: 1, 0xD: 4, 0xE: 1, 0xF: 4}
"""Bytes of its length, where it has one."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def unframed(body: bytes) -> bytes | None:
    """What the sections hold: data, one after the other, or one text or binary value; None of all else."""
    parts: list[bytes] = []
    kinds: set[int] = set()
    offset = 0
    while offset < len(body):
        found = _section(body, offset)
        if found is None:
            return None
        kind, part, offset = found
        parts.append(part)
        kinds.add(kind)
    if kinds == {_DATA} or (kinds == {_VALUE} and len(parts) == 1):
        return b"".join(parts)
    return None


def _section(body: bytes, offset: int) -> tuple[int, bytes, int] | None:
    """The section that begins there: its descriptor, its bytes, and where the next one begins."""
    if body[offset : offset + 2] == b"\x00\x53":  # described by a small ulong
        offset += 2
        descriptor = body[offset : offset + 1]
    elif body[offset : offset + 2] == b"\x00\x80":  # by a ulong of eight bytes
        offset += 2
        descriptor = body[offset : offset + 8]
    else:
        return None
    kind = int.from_bytes(descriptor)
    offset += len(descriptor)
    constructor = body[offset] if offset < len(body) else 0
    width = _SIZES.get(constructor, 0)
    if not width or kind not in (_DATA, _VALUE) or (kind == _DATA and constructor not in _BINARY):
        return None
    start = offset + 1 + width
    end = start + int.from_bytes(body[offset + 1 : start])
    return (kind, body[start:end], end) if end <= len(body) else None


def application_properties(headers: Mapping[str, object]) -> dict[str, str]:
    """Those that the plug-in of RabbitMQ 3 has put into one header, as text; empty when there are none.

    Of what is no simple value, or cannot be read, nothing is said.
    """
    values = [value for _, value in _items(headers.get(_APPLICATION_PROPERTIES))]
    return {
        name: value
        for name, value in zip(values[::2], values[1::2], strict=False)
        if name is not None and value is not None
    }


def ids(headers: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Message id and correlation id of a sender that made them UUIDs; None of any other.

    The plug-in of RabbitMQ 3 hands on the sixteen bytes, which are no text.
    """
    found = [value if kind == _UUID else None for kind, value in _items(headers.get(_PROPERTIES))]
    found += [None] * (_CORRELATION_ID + 1 - len(found))
    return found[_MESSAGE_ID], found[_CORRELATION_ID]


def _items(section: object) -> Iterator[tuple[int, str | None]]:
    """Each value of the list or map that a section is, with its constructor."""
    if not isinstance(section, bytes | bytearray):  # as they came, or on a copy of ours
        return
    try:
        offset = 3 if section[1] == _SMALL_ULONG else 10  # behind its descriptor
        width = _COMPOUND[section[offset]]
        offset += 1 + 2 * width
        while offset < len(section):
            kind = section[offset]
            start = offset + 1
            if (half := kind >> 4) in _FIXED:
                offset = start + _FIXED[half]
            else:
                length = _VARIABLE[half]
                offset = start + length + int.from_bytes(section[start : start + length])
                start += length
            yield kind, _text(kind, bytes(section[start:offset]))
    except (IndexError, KeyError):
        return


def _text(kind: int, value: bytes) -> str | None:
    """A simple value as text; None of all else, and of what cannot be read."""
    try:
        if kind in _TEXT:
            return value.decode()
        if kind in _NUMBERS:
            [number] = struct.unpack(_NUMBERS[kind], value)
            return str(number)
        if kind == _TIMESTAMP:
            [milliseconds] = struct.unpack(">q", value)
            return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat()
        if kind == _UUID:
            return UUID(bytes=value).urn  # as RabbitMQ 4 has it
    except (ValueError, OverflowError, struct.error):
        return None
    return str(bool(value[0])).lower() if kind == _BOOLEAN and value else _CONSTANTS.get(kind)
