"""What is published arrives as it was written, and is not taken for another message of the same name."""

import random
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from bridge.bus.nats.attributes import decoded, encoded
from bridge.bus.nats.publishing import Publication
from bridge.bus.port import Dead, Done, RetryAfter
from tests.integration.bus.conformance import Recorder, started
from tests.support.bus_sites import KEY, NatsSite

pytestmark = pytest.mark.nats

VALUES = [
    "",
    " ",
    " a",
    "a ",
    "a\r\nb",
    "100%",
    "%41",
    "a%",
    'say "x"',
    "é",
    "日本",
    "\U0001f600",
    "\x7f",
    "\0",
    "a:b",
    "%e9",
    "~",
]


def values() -> list[str]:
    drawn = random.Random(7)
    alphabet = ' \t\r\n%"aZ09~é\u2028\x00:'
    return VALUES + ["".join(drawn.choices(alphabet, k=drawn.randint(1, 12))) for _ in range(200)]


async def test_every_attribute_comes_through_every_copy_as_it_was_written(site: NatsSite) -> None:
    """By CloudEvents' binding for NATS: the driver would trim it, and turn line breaks into blanks."""
    written = {f"ce-x{number}": value for number, value in enumerate(values())}
    handler = Recorder(RetryAfter(0.1, "again"), Dead("invalid"))
    async with started(site.bus(), site, handler) as bus:
        await bus.send(KEY, b"{}", id="1", content_type="application/json", headers=written)
        await handler.saw(2)
        while not (await bus.depth(site.queue)).dead:
            pass
        async with bus.dead_letters(site.queue) as letters:
            [letter] = [held async for held in letters]
            await letter.send_again("job")
        deliveries = await handler.saw(3)
    for headers in (*(one.headers for one in deliveries), letter.dead_letter.message.headers):
        assert {name: value for name, value in headers.items() if name.startswith("ce-x")} == written


def test_what_is_encoded_is_visible_ascii_without_quotes() -> None:
    for value in values():
        [on_the_wire] = encoded({"CE-x": value}).values()
        assert set(on_the_wire) <= set(map(chr, range(0x21, 0x7F))) - {'"'}
        assert decoded({"Ce-x": on_the_wire}) == {"Ce-x": value}
    assert encoded({"other": " %41"}) == decoded({"other": " %41"}) == {"other": " %41"}


@pytest.mark.parametrize(
    ("written", "read"),
    [(b"/epr/%C3%A9", "/epr/é"), (b"/epr/100%", "/epr/100%"), (b"%FF", "%FF"), (b"/epr/plain", "/epr/plain")],
)
async def test_attributes_of_any_other_client_are_decoded_where_they_are_encoded(
    site: NatsSite, written: bytes, read: str
) -> None:
    async with started(site.bus(), site, handler := Recorder()):
        await site.put_written(b"{}", b"NATS/1.0\r\nce-source: " + written + b"\r\n\r\n")
        [delivery] = await handler.saw(1)
    assert delivery.headers == {"ce-source": read}


@pytest.mark.parametrize("name", [b"na(me", b"a/b", b"caf\xc3\xa9", b"", b"a b"])
async def test_a_header_under_a_name_that_is_none_does_not_keep_a_message_from_being_copied(
    site: NatsSite, name: bytes
) -> None:
    async with started(site.bus(), site, handler := Recorder(RetryAfter(0.1, "again"), Done())):
        await site.put_written(b"{}", b"NATS/1.0\r\n" + name + b": x\r\nown: 1\r\n\r\n")
        first, _ = await handler.saw(2)
    assert first.headers == {"own": "1"}


@pytest.fixture
async def js(site: NatsSite) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(site.url)
    yield client.jetstream()
    await client.close()


async def bodies(js: JetStreamContext, stream: str) -> list[bytes | None]:
    state = (await js.stream_info(stream)).state
    numbers = range(state.first_seq, state.last_seq + 1)
    return [(await js.get_msg(stream, number)).data for number in numbers]


def publication(js: JetStreamContext, stream: str, **more: Any) -> Publication:
    headers = {"Nats-Msg-Id": "event-1", "content-type": "application/json", "note": " trimmed "}
    return Publication(js, stream, b"ours", headers | more, is_copy=False)


async def test_a_repeat_of_what_came_through_is_not_stored_twice(
    site: NatsSite, js: JetStreamContext
) -> None:
    await js.add_stream(name=site.prefix, subjects=[site.prefix])
    ours = publication(js, site.prefix)
    await ours.put()
    await ours.put()  # as when the first confirmation was lost
    assert await bodies(js, site.prefix) == [b"ours"]


@pytest.mark.parametrize("other", [(b"another", "application/json"), (b"ours", "text/plain")])
async def test_another_message_of_the_name_is_not_taken_for_it(
    site: NatsSite, js: JetStreamContext, other: tuple[bytes, str]
) -> None:
    ours = publication(js, site.prefix)
    with pytest.raises(NotFoundError):
        await ours.put()
    await js.add_stream(name=site.prefix, subjects=[site.prefix])
    body, media_type = other
    headers = {"Nats-Msg-Id": "event-1", "content-type": media_type, "note": "trimmed"}
    await js.publish(site.prefix, body, headers=headers)
    await ours.put()
    assert await bodies(js, site.prefix) == [body, b"ours"]
    await ours.put()  # by its new name
    assert await bodies(js, site.prefix) == [body, b"ours"]


async def test_what_was_removed_meanwhile_is_stored_again(site: NatsSite, js: JetStreamContext) -> None:
    await js.add_stream(name=site.prefix, subjects=[site.prefix])
    ours = publication(js, site.prefix)
    await ours.put()
    await js.delete_msg(site.prefix, 1)
    await ours.put()
    assert (await js.get_msg(site.prefix, 2)).data == b"ours"


async def test_a_request_that_was_taken_meanwhile_is_not_sent_twice(
    site: NatsSite, js: JetStreamContext
) -> None:
    await js.add_stream(name=site.prefix, subjects=[site.prefix])
    ours = publication(js, site.prefix, **{"x-message-id": "request-1"})
    await ours.put()
    await js.delete_msg(site.prefix, 1)
    await ours.put()
    assert (await js.stream_info(site.prefix)).state.messages == 0
