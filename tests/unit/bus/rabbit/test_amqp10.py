"""What came over AMQP 1.0; the sections are written as section 1.6 of its specification has them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.bus.rabbit.amqp10 import application_properties, ids, unframed

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


def compound(descriptor: int, constructor: int, *values: bytes) -> bytes:
    width = ">B" if constructor in (0xC0, 0xC1) else ">I"
    content = struct.pack(width, len(values)) + b"".join(values)
    return b"\x00\x53" + bytes([descriptor, constructor]) + struct.pack(width, len(content)) + content


def name(text: str) -> bytes:
    return b"\xa1" + bytes([len(text.encode())]) + text.encode()


UUID = bytes.fromhex("6a1f7a5e3d6b4c1e9a510c5f3b1d2e77")
URN = "urn:uuid:6a1f7a5e-3d6b-4c1e-9a51-0c5f3b1d2e77"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (name("Müller"), "Müller"),
        (b"\xb1" + struct.pack(">I", 300) + b"y" * 300, "y" * 300),
        (b"\xa3\x03sym", "sym"),
        (b"\x41", "true"),
        (b"\x42", "false"),
        (b"\x56\x01", "true"),
        (b"\x56\x00", "false"),
        (b"\x43", "0"),
        (b"\x44", "0"),
        (b"\x50\xff", "255"),
        (b"\x51\xff", "-1"),
        (b"\x52\x05", "5"),
        (b"\x53\x05", "5"),
        (b"\x54\xfb", "-5"),
        (b"\x55\xfb", "-5"),
        (b"\x60\x01\x00", "256"),
        (b"\x61\xff\xfe", "-2"),
        (b"\x70\xff\xff\xff\xff", str(2**32 - 1)),
        (b"\x71\xff\xff\xff\xff", "-1"),
        (b"\x80" + b"\xff" * 8, str(2**64 - 1)),
        (b"\x81" + b"\xff" * 8, "-1"),
        (b"\x72" + struct.pack(">f", 1.5), "1.5"),
        (b"\x82" + struct.pack(">d", 0.1), "0.1"),
        (b"\x83" + struct.pack(">q", 1_700_000_000_001), "2023-11-14T22:13:20.001000+00:00"),
        (b"\x98" + UUID, URN),
    ],
)
@pytest.mark.parametrize("constructor", [0xC1, 0xD1])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_application_properties_are_read_whatever_their_type(value, text, constructor, kind):
    if constructor == 0xC1 and len(value) > 200:
        return
    section = kind(
        compound(0x74, constructor, name("first"), name("1"), name("it"), value, name("last"), name("3"))
    )
    assert application_properties({"x-amqp-1.0-app-properties": section}) == {
        "first": "1",
        "it": text,
        "last": "3",
    }


@pytest.mark.parametrize(
    "value",
    [
        b"\x40",  # null
        b"\x45",  # an empty list
        b"\x73\x00\x00\x00a",  # a character
        b"\x94" + bytes(16),  # a decimal
        b"\xa0\x02\x00\xff",  # binary
        b"\xa1\x01\xff",  # no UTF-8
        b"\x83" + b"\x7f" + b"\xff" * 7,  # a time outside the calendar
        compound(0x74, 0xC1, name("x"), name("y"))[3:],
        compound(0x74, 0xD0, name("x"))[3:],
    ],
)
def test_of_what_is_no_simple_value_nothing_is_said_and_the_next_is_read(value):
    section = compound(0x74, 0xD1, name("it"), value, name("last"), name("3"))
    assert application_properties({"x-amqp-1.0-app-properties": section}) == {"last": "3"}


def test_ids_are_read_where_they_are_uuids():
    uuid = b"\x98" + UUID
    assert ids({"x-amqp-1.0-properties": compound(0x73, 0xC0, uuid)}) == (URN, None)
    assert ids({"x-amqp-1.0-properties": compound(0x73, 0xD0, name("1"), *[b"\x40"] * 4, uuid)}) == (
        None,
        URN,
    )
    assert ids({"x-amqp-1.0-properties": compound(0x73, 0xC0, name("1"), b"\x40")}) == (None, None)
    assert ids({"x-amqp-1.0-properties": "text of another sender"}) == (None, None)
    assert ids({}) == (None, None)


@given(st.binary(max_size=60))
def test_reading_raises_nothing(body):
    unframed(body)
    unframed(b"\x00\x53" + body)
    for section in (body, b"\x00\x53\x74\xd1" + body, compound(0x74, 0xC1, name("a"), body)):
        found = application_properties({"x-amqp-1.0-app-properties": section})
        assert all(isinstance(value, str) for value in found.values())
        ids({"x-amqp-1.0-properties": section})
