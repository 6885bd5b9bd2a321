"""One request: what happened when, what came of it, and, for who may, what is in it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.body_page import data_page, events_page
from bridge.console.page import ConsolePage
from bridge.console.rights import Right
from bridge.operations import audit, bodies
from bridge.operations.requests import RequestHistory, SeveralRequests, history
from bridge.operations.site import Stores

_MOST_NOTES: Final = 50
_LANES: Final = (("pds", "PDS"), ("sds", "SDS"))


class TimelineStep(NamedTuple):
    """Something that happened to a request.

    Attributes:
        lane: where: message, PDS, SDS, practice, ledger or events.
        words: what.
        at: when it began.
        took: how long; None of what takes no time.
        result: how it ended; None of what cannot fail.
        start, width: of the bar, in hundredths of the whole time.
        is_fault: whether it failed.
    """

    lane: str
    words: str
    at: datetime
    took: timedelta | None
    result: str | None
    start: float
    width: float
    is_fault: bool


async def _show(asked: PageRequest) -> Response:
    reference = asked.filter("key") or ""
    async with asked.site.stores() as stores:
        try:
            known = await history(stores, reference)
        except SeveralRequests as several:
            return asked.to("/requests", correlation=several.lines[0].correlation_id)
        return asked.page(
            "request.html",
            known=known,
            steps=steps(known),
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


def steps(known: RequestHistory) -> Sequence[TimelineStep]:
    """What happened to a request, in order, each with its place in the whole time."""
    found: list[tuple[str, str, datetime, timedelta | None, str | None, bool]] = [
        ("message", "received", known.received_at, None, None, False)
    ]
    for attempt in known.attempts:
        took = attempt.ended_at - attempt.started_at if attempt.ended_at else None
        ended = attempt.code or attempt.outcome
        is_fault = attempt.outcome not in (None, "completed", "waiting")
        found.append(("engine", f"try {attempt.start}", attempt.started_at, took, ended, is_fault))
        for call in attempt.calls:
            result = call.code or (str(call.status) if call.status else "no answer")
            found.append(
                (
                    dict(_LANES).get(call.where.casefold(), f"practice {call.where}"),
                    call.what,
                    call.started_at,
                    timedelta(milliseconds=call.duration_ms),
                    result,
                    call.code is not None,
                )
            )
    if known.ended_at is not None:
        found.append(("ledger", f"ended: {known.state}", known.ended_at, None, known.code, bool(known.code)))
    found += [
        ("events", event.topic, event.published_at, None, "published", False)
        for event in known.events
        if event.published_at is not None
    ]
    found.sort(key=lambda each: each[2])
    begin = found[0][2]
    whole = max((at + (took or timedelta()) - begin for _, _, at, took, _, _ in found), default=timedelta())
    scale = 100 / max(whole.total_seconds(), 0.001)
    return [
        TimelineStep(
            lane,
            words,
            at,
            took,
            result,
            round((at - begin).total_seconds() * scale, 2),
            max(0.8, round((took or timedelta()).total_seconds() * scale, 2)),
            is_fault,
        )
        for lane, words, at, took, result, is_fault in found
    ]


PAGES = (
    ConsolePage("/request", Right.SEE_REQUESTS, _show),
    ConsolePage("/request/events", Right.OPEN_BODIES, _events, "POST"),
    ConsolePage("/request/answer", Right.OPEN_BODIES, _answer, "POST"),
)
