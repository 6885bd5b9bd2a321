"""A call ends by its deadline wherever it is then; a step that has a shorter time-out ends by that."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.errors import FailureCode, Unavailable
from bridge.spine.http import Answer, Limits, Upstream
from tests.integration.spine.test_http import LIMITS, silent, upstream
from tests.support.http_server import HttpServer, always, answer

SOON = 0.1
LATER = 10.0
MORE_THAN_A_SOCKET_TAKES = bytes(64 * 1024 * 1024)


def limits(**changed: float) -> Limits:
    usual = replace(LIMITS, connect=LATER, read=LATER, write=LATER, call=LATER, connections=1)
    return replace(usual, **changed)  # type: ignore[arg-type]


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a server that takes connections, and never reads a byte."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def call(opened: Upstream, url: str, **options: object) -> Answer:
    return await opened.call("POST", url, interaction="t", trace_id="t", headers={}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "code", "detail"),
    [
        ({"connect": SOON}, FailureCode.SPINE_ERROR, "connect_timeout"),
        ({"call": SOON}, FailureCode.PROVIDER_TIMEOUT, "deadline"),
    ],
)
async def test_connecting_ends(deaf: int, changed: dict[str, float], code: FailureCode, detail: str):
    async with upstream(limits(**changed)) as opened:
        with pytest.raises(Unavailable) as failed:
            await call(opened, f"https://127.0.0.1:{deaf}/")

    assert (failed.value.code, failed.value.detail) == (code, detail)


@pytest.mark.parametrize(
    ("changed", "code", "detail"),
    [
        ({"write": SOON}, FailureCode.SPINE_ERROR, "write_timeout"),
        ({"call": SOON}, FailureCode.PROVIDER_TIMEOUT, "deadline"),
    ],
)
async def test_sending_to_one_who_does_not_read_ends(
    deaf: int, changed: dict[str, float], code: FailureCode, detail: str
):
    async with upstream(limits(**changed)) as opened:
        with pytest.raises(Unavailable) as failed:
            await call(opened, f"http://127.0.0.1:{deaf}/", content=MORE_THAN_A_SOCKET_TAKES)

    assert (failed.value.code, failed.value.detail) == (code, detail)


async def test_a_receiver_that_takes_too_long_ends_and_the_next_call_is_fine():
    class Slow:
        async def take(self, _piece: bytes) -> None:
            await asyncio.Event().wait()

    async with HttpServer(always(answer(b"something"))) as server, upstream(limits(call=1)) as opened:
        with pytest.raises(Unavailable, match="deadline"):
            await call(opened, server.url, receiver=Slow())

        assert (await call(opened, server.url)).body == b"something"


async def test_waiting_for_a_connection_ends():
    async with HttpServer(silent) as server, upstream(limits(call=SOON)) as opened:
        ends = await asyncio.gather(
            call(opened, server.url), call(opened, server.url), return_exceptions=True
        )

    assert [getattr(end, "detail", end) for end in ends] == ["deadline", "deadline"]
