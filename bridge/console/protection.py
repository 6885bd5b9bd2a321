"""What stands before every page: which proxy and Host is answered, how much is read, which headers go out.

It is the outermost layer, so nothing of the pages can leave these headers out. A body that is opened
brings a policy of its own, stricter where it can be (`bridge.console.body_page`).
"""

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
MOST_BYTES: Final = 64 * 1024
"""Of the body of a request: forms of a few fields."""
_HEADERS: Final = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_HSTS: Final = "max-age=31536000"


class Protection:
    """ASGI middleware.

    Args:
        app: what is protected.
        hosts: values of Host that are answered.
        proxies: who may connect, when somebody else ends TLS; empty: everybody.
        is_secure: whether browsers come by TLS.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], proxies: Collection[str], is_secure: bool
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._proxies = frozenset(proxies)
        self._headers = {**_HEADERS, "strict-transport-security": _HSTS} if is_secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse, one request."""
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is served")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", POLICY)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, _bounded(receive), send_with_headers)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        peer = scope["client"][0] if scope.get("client") else ""
        if self._proxies:
            if peer not in self._proxies:
                return PlainTextResponse("only by way of the proxy", 403)
            if headers.getlist("x-forwarded-proto") != ["https"]:
                return PlainTextResponse("only by https", 403)
            # What the proxy itself saw stands last; what is before it, anybody may have written.
            told = ",".join(headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
            scope["client"] = (told or peer, 0)
        if headers.getlist("host") != [headers.get("host")] or headers["host"].casefold() not in self._hosts:
            return PlainTextResponse("no such host", 421)
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            return PlainTextResponse("no such length", 400)
        if length > MOST_BYTES:
            return PlainTextResponse("too large", 413)
        return None


class FormTooLarge(Exception):  # noqa: N818 - what the case is
    """More came than may, from somebody who did not say how much they would send."""


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def receive_bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_BYTES:
            raise FormTooLarge
        return message

    return receive_bounded
