"""Practices: how each one that was asked answers; and of one, all that is known of it, as of when."""

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.page import ConsolePage
from bridge.console.pages.periods import CHOICES, LONGEST, look_back, period
from bridge.console.rights import Right
from bridge.operations.errors import OperationRefused
from bridge.operations.overview import practices
from bridge.operations.practices import ask, circuits, practice
from bridge.operations.quality import meaning


async def _show(asked: PageRequest) -> Response:
    since = period(asked)
    async with asked.site.stores() as stores:
        found = await practices(stores, since=since.since)
        seen = await circuits(stores)
    return asked.page("practices.html", practices=found, circuits=seen, period=since, periods=CHOICES)


async def _one(asked: PageRequest) -> Response:
    since = look_back(None, LONGEST)
    async with asked.site.stores() as stores:
        found = await practice(stores, asked.filter("ods") or "", since=since.since)
    return asked.page("practice.html", found=found, meaning=meaning, period=since)


async def _ask(asked: PageRequest) -> Response:
    ods, user = asked.field("ods"), asked.session.user
    if user.given_name is None or user.family_name is None:
        raise OperationRefused("practices are told who asks, and your sign-in does not say your name")
    async with asked.site.stores() as stores:
        await ask(
            stores,
            ods,
            actor=asked.actor,
            given_name=user.given_name,
            family_name=user.family_name,
            organisation_name=asked.field("organisation_name"),
            reason=asked.field("reason"),
        )
    return asked.to("/practice", told="A worker that runs asks the practice in a few seconds.", ods=ods)


PAGES = (
    ConsolePage("/practices", Right.SEE_REQUESTS, _show, title="Practices"),
    ConsolePage("/practice", Right.SEE_REQUESTS, _one),
    ConsolePage("/practice/ask", Right.ASK_PRACTICE, _ask, "POST"),
)
