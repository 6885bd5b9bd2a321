"""Frames come out of a stream as they went in, however the network cuts it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mllp.framing import FrameBroken, begins, framed, rest_of_frame

MESSAGES = st.lists(st.binary(max_size=200).filter(lambda one: not {0x0B, 0x1C} & set(one)), max_size=4)


async def read_all(sent: bytes, cuts: list[int], limit: int = 4096) -> list[bytes]:
    stream = asyncio.StreamReader(limit=limit)

    async def feed() -> None:
        for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
            stream.feed_data(sent[start:end])
            await asyncio.sleep(0)
        stream.feed_eof()

    feeding = asyncio.create_task(feed())
    found = []
    try:
        while await begins(stream):
            found.append(await rest_of_frame(stream))
    finally:
        await feeding
    return found


@given(messages=MESSAGES, between=st.sampled_from([b"", b"\r", b"\r\n"]), data=st.data())
def test_messages_come_out_as_they_went_in(messages, between, data):
    sent = between.join(map(framed, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    assert asyncio.run(read_all(sent, cuts)) == messages


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"MSH|", "protocol_broken"),
        (framed(b"MSH|") + b"x", "protocol_broken"),
        (b"\x0bMSH|\x0bMSH|\x1c\r", "protocol_broken"),
        (b"\x0bMSH|", "connection_broken"),
        (b"\x0bMSH|\x1c", "connection_broken"),
        (framed(b"x" * 5000), "too_large"),
    ],
)
def test_what_is_no_frame_ends_the_stream(sent, reason):
    with pytest.raises(FrameBroken) as fault:
        asyncio.run(read_all(sent, []))
    assert fault.value.reason == reason
