"""Practices: how each one that was asked answers."""

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.page import ConsolePage
from bridge.console.pages.periods import CHOICES, period
from bridge.console.rights import Right
from bridge.operations.overview import practices


async def _show(asked: PageRequest) -> Response:
    since = period(asked)
    async with asked.site.stores() as stores:
        found = await practices(stores, since=since.since)
    return asked.page("practices.html", practices=found, period=since, periods=CHOICES)


PAGES = (ConsolePage("/practices", Right.SEE_REQUESTS, _show, title="Practices"),)
