"""Every header that a broker can deliver is read, and goes out again as often as it must."""

import struct
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aio_pika import IncomingMessage, Message
from aiormq.abc import DeliveredMessage
from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from bridge.bus import control_headers
from bridge.bus.port import Dead, Delivery, RetryAfter
from bridge.bus.rabbit.headers import as_text, read_strictly, reading_leniently
from bridge.bus.rabbit.messages import copied, delivery
from tests.support.amqp_wire import WrittenHeader

BOUNDS = {"b": 7, "B": 8, "s": 15, "u": 16, "I": 31, "i": 32, "l": 63}


def _whole(kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    bits = BOUNDS[kind]
    least = 0 if kind in "Bui" else -(2**bits)
    return st.tuples(st.just(kind), st.integers(least, 2**bits - 1))


PLAIN: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    *map(_whole, BOUNDS),
    st.tuples(st.just("t"), st.booleans()),
    st.tuples(st.just("f"), st.floats(width=32)),
    st.tuples(st.just("d"), st.floats()),
    st.tuples(st.just("D"), st.tuples(st.integers(0, 255), st.integers(-(2**31), 2**31 - 1))),
    st.tuples(st.sampled_from("Sx"), st.binary(max_size=20)),
    st.tuples(st.just("T"), st.integers(0, 2**64 - 1)),
    st.just(("V", None)),
)
NAMES = st.text("abcdefgh-_\u00e9", min_size=1, max_size=8).filter(lambda name: not name.startswith("x-"))
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.tuples(st.just("A"), st.lists(inner, max_size=3))
        | st.tuples(st.just("F"), st.dictionaries(NAMES, inner, max_size=3))
    ),
    max_leaves=8,
)


@dataclass
class Told:
    """What the broker says beside the message."""

    exchange: str = "gpconnect.requests"
    redelivered: bool = False


def received(header: ContentHeader, body: bytes = b"{}", told: Told | None = None) -> IncomingMessage:
    """As the driver hands over what stands on the wire."""
    told = told or Told()
    read = ContentHeader()
    read.unmarshal(header.marshal())
    deliver = Basic.Deliver(
        consumer_tag="c",
        delivery_tag=1,
        redelivered=told.redelivered,
        exchange=told.exchange,
        routing_key="record.requested.v1",
    )
    return IncomingMessage(DeliveredMessage(delivery=deliver, header=read, body=body, channel=None))  # type: ignore[arg-type] # no channel is needed to read


def sent_on(copy: Message) -> IncomingMessage:
    """The copy as it comes back."""
    return received(ContentHeader(body_size=len(copy.body), properties=copy.properties), copy.body)


def rounds(message: IncomingMessage) -> list[Delivery]:
    """Dead, retried, renewed, replayed: what each copy says."""
    seen = [delivery(message)]
    for changes in (
        control_headers.for_dead(seen[0], Dead("rejected")),
        control_headers.for_retry(seen[0], RetryAfter(1, "pds_error"), now=0),
        control_headers.all_of(seen[0].headers) | {control_headers.UNTOLD: "true"},
        control_headers.for_replay(seen[0], job="job-1"),
    ):
        message = sent_on(copied(message, seen[-1], changes))
        seen.append(delivery(message))
    return seen


@pytest.fixture(autouse=True)
def lenient():
    with reading_leniently():
        yield


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (b"bytes \xff", "bytes \ufffd"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_header_values_become_text(value: object, text: str | None) -> None:
    assert as_text(value) == text


@given(headers=st.dictionaries(NAMES, VALUES, max_size=5))
def test_every_type_of_header_goes_through_every_kind_of_copy(headers):
    first, *later = rounds(received(WrittenHeader(b"{}", headers=headers, message_id=b"1")))
    assert [copy.headers for copy in later] == [first.headers] * 4
    assert {(copy.id, copy.body) for copy in later} == {("1", b"{}")}


@pytest.mark.parametrize("value", [0.1, 1e308, 5e-324, float("inf")])
def test_no_digit_of_a_double_is_lost(value):
    for copy in rounds(received(WrittenHeader(b"{}", headers={"weight": ("d", value)}))):
        assert float(copy.headers["weight"]) == value


def test_bytes_stay_bytes():
    message = received(WrittenHeader(b"{}", headers={"x-amqp-1.0-app-properties": ("x", b"\x00S\xff")}))
    copy = sent_on(copied(message, delivery(message), {}))
    assert copy.headers["x-amqp-1.0-app-properties"] == bytearray(b"\x00S\xff")


@pytest.mark.parametrize(
    "properties",
    [
        {"timestamp": 2**64 - 1},
        {"timestamp": 1_700_000_000_000_000},  # microseconds
        {"app_id": "M\u00fcller".encode("latin-1")},
        {"message_id": b"\xff" * 255},
        {"correlation_id": b"\xe9" * 200},
        {"headers": {"when": ("T", 2**63)}},
        {"headers": {"a": ("F", {"b": ("T", 2**63)})}},
    ],
)
def test_what_the_driver_cannot_read_costs_itself_and_nothing_else(properties):
    first, *later = rounds(received(WrittenHeader(b"{}", **properties)))
    assert {copy.body for copy in (first, *later)} == {b"{}"}
    assert all(copy.id for copy in later)


def test_headers_that_cannot_be_read_at_all_are_none():
    class Broken(WrittenHeader):
        def marshal(self) -> bytes:
            broken = b"\x02\xff\xfeS" + struct.pack(">I", 1) + b"x"  # a name that is no UTF-8
            return (
                struct.pack(">HHQH", Basic.frame_id, 0, 2, 1 << 13) + struct.pack(">I", len(broken)) + broken
            )

    assert delivery(received(Broken(b"{}"))).headers == {}


def test_a_count_of_deliveries_that_a_sender_wrote_is_not_believed():
    header = WrittenHeader(b"{}", headers={"x-delivery-count": ("I", 50)})
    assert delivery(received(header)).deliveries == 1
    assert delivery(received(header, told=Told(redelivered=True))).deliveries == 51


@pytest.mark.parametrize(
    ("body", "read"), [(b"\x00\x53\x77\xa1\x02{}", b"{}"), (b"\x00\x53\x76\x45", b"\x00\x53\x76\x45")]
)
def test_a_body_with_the_label_of_amqp_1_0_is_unframed_when_it_can_be(body, read):
    message = received(WrittenHeader(body, type=b"amqp-1.0"), body)
    assert delivery(message).body == read
    copy = sent_on(copied(message, delivery(message), {}))
    assert (copy.body, delivery(copy).body) == (body, read)


@pytest.mark.parametrize("properties", [{"timestamp": 2**64 - 1}, {"app_id": b"\xff"}])
def test_others_who_use_the_driver_in_the_same_process_read_as_ever(properties):
    written = WrittenHeader(b"{}", **properties)
    assert received(written).body == b"{}"
    others = copy_context()
    others.run(read_strictly)
    with pytest.raises((UnicodeDecodeError, ValueError, OverflowError, OSError)):
        others.run(received, written)
