"""RabbitMQ's management API, where ``BRIDGE_BUS_MANAGEMENT_URL`` names it: what AMQP tells no client."""

import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from bridge.bus.rabbit.topology import virtual_host
from bridge.credentials.tls import TlsFiles
from bridge.errors import Misconfigured
from bridge.observe.causes import causes, tls_code, tls_sentence
from bridge.settings import Settings

_TIMEOUT: Final = 10.0
_PAGE: Final = 500
"""The most that the API puts on one page."""
TROUBLE: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, Misconfigured)
"""What a question to it may raise."""


def why(fault: Exception) -> str:
    """In words, what kept it from answering: no address, and nothing that it said."""
    if isinstance(fault, Misconfigured):
        return str(fault)
    told = f"answers {fault.response.status_code}" if isinstance(fault, httpx.HTTPStatusError) else ""
    if tls := next((each for each in causes(fault) if isinstance(each, ssl.SSLError)), None):
        told = tls_sentence(tls_code(tls))
    return f"management API: {told or type(fault).__name__}: see BRIDGE_BUS_MANAGEMENT_URL"


class Management:
    """Asks about one virtual host.

    Args:
        client: on the address of the API, as a user that may ask.
        host: name of the virtual host.
    """

    def __init__(self, client: httpx.AsyncClient, host: str) -> None:
        self._client = client
        self._host = quote(host, safe="")

    async def ask(
        self, kind: str, *names: str, params: Mapping[str, str | int] | None = None
    ) -> httpx.Response:
        """What is known about ``queues``, ``exchanges`` or ``permissions`` of the virtual host.

        Args:
            kind: of what.
            names: of one of them, and of what is asked about it.
            params: of the question.

        Raises:
            httpx.HTTPError: there is no answer.
        """
        path = "/".join((kind, self._host, *(quote(name, safe="") for name in names)))
        return await self._client.get(f"/api/{path}", params=dict(params or {}))

    async def bindings_of(self, exchange: str) -> Sequence[Mapping[str, Any]]:
        """What is bound to that exchange; nothing when there is no such exchange.

        Raises:
            httpx.HTTPError: there is no answer, or it is a refusal.
        """
        answer = await self.ask("exchanges", exchange, "bindings", "source")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return ()
        found: Sequence[Mapping[str, Any]] = answer.raise_for_status().json()
        return found

    async def page_of_queues(self, prefix: str, page: int = 1) -> httpx.Response:
        """Up to 500 of the queues whose names have that first part, as ``items`` of ``page_count`` pages.

        Raises:
            httpx.HTTPError: there is no answer, or it is a refusal.
        """
        asked: dict[str, str | int] = {
            "page": page,
            "page_size": _PAGE,
            "name": f"^{re.escape(prefix)}\\.",
            "use_regex": "true",
        }
        return (await self.ask("queues", params=asked)).raise_for_status()

    async def queues_of(self, prefix: str) -> AsyncIterator[Mapping[str, Any]]:
        """All of them, page by page.

        Raises:
            httpx.HTTPError: there is no answer, or it is a refusal.
        """
        page, pages = 0, 1
        while page < pages:
            page += 1
            found = (await self.page_of_queues(prefix, page)).json()
            pages = found["page_count"]
            for queue in found["items"]:
                yield queue

    async def one(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """That queue or exchange; None when there is none.

        Raises:
            httpx.HTTPError: there is no answer, or it is a refusal.
        """
        answer = await self.ask(kind, name)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        found: Mapping[str, Any] = answer.raise_for_status().json()
        return found


@asynccontextmanager
async def management(settings: Settings) -> AsyncIterator[Management]:
    """The API that the settings name, for the virtual host of the bus; nothing is asked yet.

    Raises:
        Misconfigured: a file of its certificate's authority, or of our certificate, cannot be read.
    """
    bus = settings.bus
    auth = httpx.BasicAuth(bus.management_user or "", settings.management_password or "")
    async with httpx.AsyncClient(
        base_url=(bus.management_url or "").rstrip("/"),
        auth=auth,
        verify=TlsFiles.of("BRIDGE_BUS", bus).client(),
        timeout=_TIMEOUT,
        trust_env=False,
    ) as client:
        yield Management(client, virtual_host(bus.url or ""))
