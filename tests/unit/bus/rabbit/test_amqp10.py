"""Bodies that came over AMQP 1.0; the sections are written as section 1.6 of its specification has them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.bus.rabbit.amqp10 import unframed

BODY = b'{"patient": {}}'
LONG = b'{"x": "' + b"y" * 300 + b'"}'


def section(kind: int, constructor: int, content: bytes, *, wide_descriptor: bool = False) -> bytes:
    size = struct.pack(">B" if constructor & 0xF0 == 0xA0 else ">I", len(content))
    descriptor = b"\x80" + struct.pack(">Q", kind) if wide_descriptor else b"\x53" + bytes([kind])
    return b"\x00" + descriptor + bytes([constructor]) + size + content


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("kind", "constructor", "content"),
    [(0x77, 0xA1, BODY), (0x77, 0xB1, LONG), (0x77, 0xA0, BODY), (0x77, 0xB0, LONG), (0x75, 0xA0, BODY)],
    ids=["short text", "long text", "short binary", "long binary", "data"],
)
def test_one_text_or_binary_value_is_its_content(kind, constructor, content, wide):
    assert unframed(section(kind, constructor, content, wide_descriptor=wide)) == content


def test_data_sections_are_one_body():
    assert unframed(section(0x75, 0xA0, BODY[:4]) + section(0x75, 0xB0, BODY[4:])) == BODY


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY,
        section(0x76, 0xA1, BODY),  # a sequence
        section(0x77, 0xA1, BODY) + section(0x77, 0xA1, BODY),
        section(0x77, 0xA1, BODY) + section(0x75, 0xA0, BODY),
        section(0x75, 0xA1, BODY),  # data is never text
        section(0x77, 0xA1, BODY)[:-1],
        b"\x00\x53\x77\x45",  # an empty list
        b"\x00\x53",
    ],
)
def test_what_is_neither_is_left(body):
    assert unframed(body) is None


@given(st.binary(max_size=60))
def test_reading_raises_nothing(body):
    unframed(body)
    unframed(b"\x00\x53" + body)
