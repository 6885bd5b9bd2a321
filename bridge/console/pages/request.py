"""One request: what happened when, what came of it, and, for who may, what is in it."""

from typing import Final

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.body_page import data_page, events_page
from bridge.console.page import ConsolePage
from bridge.console.rights import Right
from bridge.console.timeline import lanes, steps
from bridge.operations import audit, bodies
from bridge.operations.requests import SeveralRequests, history
from bridge.operations.site import Stores

_MOST_NOTES: Final = 50


async def _show(asked: PageRequest) -> Response:
    reference = asked.filter("key") or ""
    async with asked.site.stores() as stores:
        try:
            known = await history(stores, reference)
        except SeveralRequests as several:
            return asked.to("/requests", correlation=several.lines[0].correlation_id)
        happened = steps(known)
        return asked.page(
            "request.html",
            known=known,
            lanes=lanes(happened),
            steps=happened,
            answers=await bodies.answers_to(stores, known.request_key),
            notes=await _notes(asked, stores, known.request_key),
        )


async def _notes(asked: PageRequest, stores: Stores, request_key: str) -> audit.AuditPage | None:
    if not asked.may(Right.READ_AUDIT):
        return None
    return await audit.entries(stores, limit=_MOST_NOTES, request_key=request_key)


async def _events(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        events = await bodies.opened_events(
            stores, asked.field("key"), actor=asked.actor, reason=asked.field("reason")
        )
    return events_page(asked, events)


async def _answer(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        answer = await bodies.opened_answer(
            stores,
            asked.field("key"),
            asked.field("sha256"),
            actor=asked.actor,
            reason=asked.field("reason"),
        )
    return data_page(asked, f"Answer of {answer.practice_ods}", [(answer.interaction, answer.body)])


PAGES = (
    ConsolePage("/request", Right.SEE_REQUESTS, _show),
    ConsolePage("/request/events", Right.OPEN_BODIES, _events, "POST"),
    ConsolePage("/request/answer", Right.OPEN_BODIES, _answer, "POST"),
)
