"""What happened to a request, as swim lanes: who was busy with it when, each step in its place."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.operations.requests import RequestHistory

_SERVICES: Final = {"pds": "PDS", "sds": "SDS"}
_ORDER: Final = ("message", "engine", "PDS", "SDS", "practice", "mapping", "ledger", "events")
_NARROWEST: Final = 0.8
"""Hundredths: what takes no time is seen all the same."""


class TimelineStep(NamedTuple):
    """Something that happened to a request.

    Attributes:
        lane: where: message, engine, PDS, SDS, a practice, mapping, ledger or events.
        words: what.
        at: when it began.
        took: how long; None of what takes no time.
        result: how it ended; None of what cannot fail.
        is_fault: whether it failed.
        start: of its bar, in hundredths of the whole time.
        width: likewise.
    """

    lane: str
    words: str
    at: datetime
    took: timedelta | None = None
    result: str | None = None
    is_fault: bool = False
    start: float = 0.0
    width: float = 0.0


class TimelineRow(NamedTuple):
    """Everything that happened in one place, and for how long it did."""

    name: str
    steps: Sequence[TimelineStep]
    took: timedelta

    @property
    def is_practice(self) -> bool:
        """Whether it is of a practice."""
        return self.name.startswith("practice")


def steps(known: RequestHistory) -> Sequence[TimelineStep]:
    """What happened to a request, in order of time."""
    found = sorted(_steps(known), key=lambda each: each.at)
    begin = found[0].at
    whole = max(each.at + (each.took or timedelta()) - begin for each in found)
    scale = 100 / max(whole.total_seconds(), 0.001)
    return [
        each._replace(
            start=min(100 - _NARROWEST, round((each.at - begin).total_seconds() * scale, 2)),
            width=max(_NARROWEST, round((each.took or timedelta()).total_seconds() * scale, 2)),
        )
        for each in found
    ]


def lanes(found: Sequence[TimelineStep]) -> Sequence[TimelineRow]:
    """The same by where it happened, from the message to the events."""
    names = dict.fromkeys(each.lane for each in found)
    in_order = sorted(names, key=lambda name: _ORDER.index(name.partition(" ")[0]))
    by_name = {name: [each for each in found if each.lane == name] for name in in_order}
    return [TimelineRow(name, each, _busy(each)) for name, each in by_name.items()]


def _busy(found: Sequence[TimelineStep]) -> timedelta:
    """How long something went on; what went on at the same time counts once."""
    busy, until = timedelta(), found[0].at
    for each in found:
        end = each.at + (each.took or timedelta())
        busy += max(timedelta(), end - max(each.at, until))
        until = max(until, end)
    return busy


def _steps(known: RequestHistory) -> Iterator[TimelineStep]:
    yield TimelineStep("message", "received", known.received_at)
    for attempt in known.attempts:
        ended_at = attempt.ended_at
        took = ended_at - attempt.started_at if ended_at else None
        is_fault = attempt.outcome not in (None, "completed", "waiting")
        result = attempt.code or attempt.outcome
        yield TimelineStep("engine", f"try {attempt.start}", attempt.started_at, took, result, is_fault)
        answered_at = attempt.started_at
        for call in attempt.calls:
            took = timedelta(milliseconds=call.duration_ms)
            answered_at = max(answered_at, call.started_at + took)
            where = _SERVICES.get(call.where.casefold(), f"practice {call.where}")
            result = call.code or (str(call.status) if call.status else "no answer")
            yield TimelineStep(where, call.what, call.started_at, took, result, call.code is not None)
        if attempt.calls and ended_at is not None and _was_mapped(known, attempt.outcome):
            # Between the last answer and the end the engine does nothing else.
            took = max(timedelta(), ended_at - answered_at)
            is_fault = attempt.outcome != "completed"
            yield TimelineStep("mapping", "read, mapped and rendered", answered_at, took, is_fault=is_fault)
    if known.ended_at is not None:
        yield TimelineStep(
            "ledger", f"ended: {known.state}", known.ended_at, None, known.code, bool(known.code)
        )
    for event in known.events:
        if event.published_at is not None:
            since = min(known.ended_at or event.published_at, event.published_at)
            yield TimelineStep("events", event.topic, since, event.published_at - since, "published")


def _was_mapped(known: RequestHistory, outcome: str | None) -> bool:
    return outcome == "completed" or (outcome == "failed" and known.stage == "mapping")
