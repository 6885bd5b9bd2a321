"""In doubt: requests of which nobody knows what was done, until the practice or a person says."""

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.page import ConsolePage
from bridge.console.rights import Right
from bridge.operations import in_doubt


async def _show(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        known = await in_doubt.in_doubt(stores)
    return asked.page("in_doubt.html", known=known)


async def _check(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        await in_doubt.check(stores, asked.field("key"), actor=asked.actor)
    return asked.to("/in-doubt", told="A worker asks the practice next.")


async def _close(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        await in_doubt.close(stores, asked.field("key"), actor=asked.actor, reason=asked.field("reason"))
    return asked.to("/in-doubt", told="Noted what was found; it is checked no more.")


PAGES = (
    ConsolePage("/in-doubt", Right.SEE_REQUESTS, _show, title="In doubt"),
    ConsolePage("/in-doubt/check", Right.CLOSE_DOUBTS, _check, "POST"),
    ConsolePage("/in-doubt/close", Right.CLOSE_DOUBTS, _close, "POST"),
)
