"""Swim lanes of a request: from the message to its events, each step in its place in the whole time."""

from datetime import UTC, datetime, timedelta

from bridge.console.timeline import lanes, steps
from bridge.ledger import RecordedCall, RequestHistory
from bridge.ledger.storage.history import Attempt, KnownEvent

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def at(milliseconds: float) -> datetime:
    return START + timedelta(milliseconds=milliseconds)


def call(what: str, where: str, begin: float, took: float, code: str | None = None) -> RecordedCall:
    return RecordedCall(what, where, "t", None if code else 200, at(begin), took, code)


def history(*attempts: Attempt, state: str = "completed", stage: str | None = None) -> RequestHistory:
    facts = dict.fromkeys(RequestHistory.__dataclass_fields__)
    ended_at = attempts[-1].ended_at
    published = ended_at and ended_at + timedelta(milliseconds=50)
    topics = ("medications.published.v1", "record.completed.v1")
    told = [KnownEvent(f"e-{topic}", topic, 10, published) for topic in topics] if published else []
    facts |= {"received_at": START, "state": state, "stage": stage, "attempts": attempts}
    return RequestHistory(**facts | {"ended_at": ended_at, "intents": (), "events": told})  # type: ignore[arg-type]


FIRST = Attempt(
    1, "w", at(0), at(200), "waiting", "provider_timeout", [call("read", "A12345", 10, 190, "read_timeout")]
)
SECOND = Attempt(
    2,
    "w",
    at(500),
    at(950),
    "completed",
    None,
    [
        call("pds.patient", "pds", 500, 100),
        call("sds.device", "SDS", 600, 50),
        call("read", "A12345", 650, 200),
    ],
)


def test_lanes_go_from_the_message_to_the_events_and_hold_every_step():
    found = steps(history(FIRST, SECOND))
    assert [each.at for each in found] == sorted(each.at for each in found)
    by_name = {lane.name: lane for lane in lanes(found)}
    assert list(by_name) == [
        *("message", "engine", "PDS", "SDS", "practice A12345", "mapping", "ledger", "events")
    ]
    practice = by_name["practice A12345"]
    assert [(step.result, step.is_fault) for step in practice.steps] == [
        ("read_timeout", True),
        ("200", False),
    ]
    assert practice.took == timedelta(milliseconds=390)
    (mapping,) = by_name["mapping"].steps  # between the last answer and the end
    assert (mapping.at, mapping.took) == (at(850), timedelta(milliseconds=100))
    event, _ = by_name["events"].steps  # published together: that counts once
    assert by_name["events"].took == timedelta(milliseconds=50)
    assert (event.start, event.width) == (95.0, 5.0)  # from the end to the broker's word, of one second


def test_nothing_is_said_to_have_been_mapped_that_was_not():
    failed = Attempt(1, "w", at(0), at(200), "failed", "provider_error", [call("read", "A1", 10, 90)])
    assert "mapping" not in [
        lane.name for lane in lanes(steps(history(failed, state="failed", stage="provider")))
    ]
    (mapping,) = [
        lane
        for lane in lanes(steps(history(failed, state="failed", stage="mapping")))
        if lane.name == "mapping"
    ]
    assert mapping.steps[0].is_fault


def test_a_request_that_was_just_received_has_lanes_too():
    running = Attempt(1, "w", at(0), None, None, None, [])
    assert [lane.name for lane in lanes(steps(history(running, state="in_flight")))] == ["message", "engine"]
