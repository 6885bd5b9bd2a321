"""Failures: what did not succeed, by cause, with what to do next."""

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.page import ConsolePage
from bridge.console.pages.periods import CHOICES, period
from bridge.console.rights import Right
from bridge.operations.failures import failures


async def _show(asked: PageRequest) -> Response:
    since = period(asked, "12")
    async with asked.site.stores() as stores:
        groups = await failures(stores, since=since.since)
    return asked.page("failures.html", groups=groups, period=since, periods=CHOICES)


PAGES = (ConsolePage("/failures", Right.SEE_REQUESTS, _show, title="Failures"),)
