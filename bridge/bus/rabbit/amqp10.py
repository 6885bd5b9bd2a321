"""Bodies that came over AMQP 1.0: RabbitMQ hands them to AMQP 0-9-1 with their framing.

A message of one data section arrives as its bytes. Any other keeps its encoded sections (a text of Qpid JMS
is one ``amqp-value``) and is labelled by the property ``type``; see "Interoperability with AMQP 0-9-1" in the
plug-in's own guide, and sections 1.6 and 3.2 of the AMQP 1.0 specification.
"""

from typing import Final

LABEL: Final = "amqp-1.0"
"""``type`` of a message whose body is AMQP 1.0 sections."""

_DATA, _VALUE = 0x75, 0x77
_SIZES: Final = {0xA0: 1, 0xB0: 4, 0xA1: 1, 0xB1: 4}
"""Bytes of the length, by constructor: binary and text, short and long."""
_BINARY: Final = frozenset({0xA0, 0xB0})


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
