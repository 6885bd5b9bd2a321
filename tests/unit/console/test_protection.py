"""Behind a proxy: whoever it saw is counted, whatever else a client wrote into its request."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from bridge.console.protection import Protection

PROXY = "10.0.0.1"


async def whom(scope: Scope, receive: Receive, send: Send) -> None:
    client = Request(scope).client
    await PlainTextResponse(client.host if client else "")(scope, receive, send)


async def asked(*headers: tuple[str, str]) -> httpx.Response:
    protected = Protection(whom, hosts={"console.example"}, proxies={PROXY}, is_secure=True)
    transport = httpx.ASGITransport(protected, client=(PROXY, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="https://console.example") as client:
        return await client.get("/", headers=list(headers))


@pytest.mark.parametrize(
    "told",
    [
        [("x-forwarded-for", "192.0.2.7")],
        [("x-forwarded-for", "made-up, 192.0.2.7")],
        [("x-forwarded-for", "made-up"), ("x-forwarded-for", "192.0.2.7")],
    ],
    ids=["alone", "one_line", "a_line_of_its_own"],
)
async def test_an_address_is_the_one_that_the_proxy_added(told: list[tuple[str, str]]):
    assert (await asked(("x-forwarded-proto", "https"), *told)).text == "192.0.2.7"


async def test_a_client_cannot_say_beside_the_proxy_that_it_came_by_tls():
    assert (await asked(("x-forwarded-proto", "https"), ("x-forwarded-proto", "http"))).status_code == 403
