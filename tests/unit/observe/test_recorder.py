"""What happens is told to everyone who listens, and to nobody's harm."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from structlog.testing import capture_logs

from bridge.observe import is_heard, record, recording
from bridge.observe.recorder import WITHHELD
from bridge.observe.vocabulary.base import TelemetryEvent
from bridge.observe.vocabulary.ledger import AuditFoundBroken, LedgerAway
from bridge.observe.vocabulary.requests import StageEnded
from bridge.observe.vocabulary.upstreams import CircuitChanged, ReloadRefused, SecretReloaded, UpstreamCall

CALL = UpstreamCall("practice", "urn:x:read", "answered", 12.5, "t-1", practice_ods="A82038", status=200)
NUMBER = "9990000018"


class Listener:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[TelemetryEvent] = []

    def record(self, event: TelemetryEvent) -> None:
        self.heard.append(event)


@contextmanager
def log_level(level: str) -> Iterator[None]:
    """A log that writes lines of this level and graver ones."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    try:
        yield
    finally:
        structlog.configure(**before)


class Deaf:
    """Fails at everything."""

    def record(self, event: TelemetryEvent) -> None:
        raise RuntimeError(f"no room for {event.name}")


def test_an_event_is_a_line_of_the_log_with_its_name_level_and_fields():
    with capture_logs() as lines:
        record(CALL)
    assert lines == [
        {
            "event": "upstream_call",
            "log_level": "info",
            "upstream": "practice",
            "interaction": "urn:x:read",
            "result": "answered",
            "duration_ms": 12.5,
            "trace_id": "t-1",
            "practice_ods": "A82038",
            "status": 200,
        }
    ]


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (CircuitChanged("pds", "open", 3, 0, 0), "warning"),
        (CircuitChanged("pds", "closed", 0, 0, 0), "info"),
        (LedgerAway("SQLITE_FULL", "request"), "error"),
        (LedgerAway("SQLITE_FULL", "keys"), "warning"),
        (SecretReloaded("sds_api_key"), "info"),
    ],
    ids=repr,
)
def test_a_line_is_as_grave_as_what_it_tells(event, level):
    with capture_logs() as lines:
        record(event)
    assert lines[0]["log_level"] == level


@pytest.mark.parametrize("level", ["info", "debug"])
def test_what_nobody_listens_to_need_not_be_made(level):
    listener = Listener()
    with log_level(level), capture_logs() as lines:
        assert is_heard(StageEnded) is (level == "debug")
        assert is_heard(UpstreamCall)
        record(StageEnded("map", 1.0))
        with recording(listener):
            assert is_heard(StageEnded)
            record(StageEnded("publish", 2.0))
    assert listener.heard == [StageEnded("publish", 2.0)]
    assert [line["stage"] for line in lines] == (["map", "publish"] if level == "debug" else [])


async def test_who_listens_hears_everything_inside_the_block_and_in_tasks_that_begin_there():
    listener = Listener()

    async def work():
        record(CALL)

    with recording(listener):
        await asyncio.create_task(work())
        record(SecretReloaded("sds_api_key"))
    record(SecretReloaded("sds_api_key"))
    assert listener.heard == [CALL, SecretReloaded("sds_api_key")]


def test_a_listener_that_fails_is_told_of_once_and_costs_nobody_anything():
    listener = Listener()
    with recording(Deaf()), recording(listener), capture_logs() as lines:
        record(CALL)
        record(CALL)
    assert listener.heard == [CALL, CALL]
    assert [line["event"] for line in lines] == ["upstream_call", "recorder_failed", "upstream_call"]
    assert (lines[1]["recorder"], lines[1]["error"]) == ("Deaf", "RuntimeError")


@pytest.mark.duty("JO-033")
def test_free_text_in_a_code_reaches_nobody():
    listener = Listener()
    with recording(listener), capture_logs() as lines:
        record(UpstreamCall("pds", "Mrs Mirfield", f"for_{NUMBER}", 1.0, f"{NUMBER}"))
    told = listener.heard[0]
    assert isinstance(told, UpstreamCall)
    assert (told.interaction, told.trace_id) == (WITHHELD, "[redacted]")
    assert not any(secret in f"{listener.heard}{lines}" for secret in ("Mirfield", NUMBER))


@pytest.mark.duty("JO-033")
def test_a_number_among_words_reaches_nobody():
    listener = Listener()
    with recording(listener), capture_logs() as lines:
        record(AuditFoundBroken(f"entry about {NUMBER}"))
        record(ReloadRefused("key", ("fine", f"not {NUMBER}")))
    assert listener.heard == [
        AuditFoundBroken("entry about [redacted]"),
        ReloadRefused("key", ("fine", "not [redacted]")),
    ]
    assert NUMBER not in f"{lines}"
