import asyncio
from collections.abc import Iterator
from typing import get_args

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.errors import FailureCode, Refused, RequestRejected
from bridge.ledger import StoredEvent
from bridge.observe.recorder import recording
from bridge.observe.redaction import REDACTED
from bridge.observe.spans import making_spans, publishing, publishing_together, span, stage, timed
from bridge.observe.vocabulary.requests import StageEnded
from bridge.observe.vocabulary.spans import ATTRIBUTES, AttributeName

PATIENT = "9990000018"


@pytest.fixture
def made() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with making_spans(provider.get_tracer("test")):
        yield exporter


def test_each_attribute_has_a_meaning():
    assert set(get_args(AttributeName)) == ATTRIBUTES.keys()


@pytest.mark.duty("JO-033")
def test_free_text_numbers_of_patients_and_unknown_names_go_into_no_span(made):
    with span("GET pds") as given:
        given.tell(
            {
                "bridge.code": "Mrs Asha Patel",
                "bridge.reason": f"id:{PATIENT}",
                "bridge.attempt": 2,
                "bridge.stage": None,
                "url.full": "https://pds/Patient/1",  # type: ignore[dict-item] # what must not be said
            }
        )
        given.failed("no free text either")
    [found] = made.get_finished_spans()
    assert found.attributes == {
        "bridge.code": "[withheld]",
        "bridge.reason": f"id:{REDACTED}",
        "bridge.attempt": 2,
        "error.type": "[withheld]",
    }
    assert found.status.description == "[withheld]"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused(FailureCode.PATIENT_DECEASED, stage="pds", detail="d"), "patient_deceased"),
        (RequestRejected("id", "is wrong"), "rejected"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyError(PATIENT), "KeyError"),
    ],
)
def test_an_error_is_told_by_its_code_and_never_by_its_text(made, error, code):
    with pytest.raises(type(error)), span("trace patient"):
        raise error
    [found] = made.get_finished_spans()
    assert (found.attributes["error.type"], found.status.description) == (code, code)
    assert not found.status.is_ok
    assert not found.events


def test_nobody_else_can_write_on_a_span(made):
    with span("map"):
        trace.get_current_span().set_attribute("note", "Mrs Asha Patel")
        trace.get_current_span().record_exception(ValueError("Mrs Asha Patel"))
    [found] = made.get_finished_spans()
    assert not found.attributes
    assert not found.events


def test_what_is_published_carries_the_span_that_publishes_it(made):
    with span("process x"), publishing("nats", "a.v1", id="e", size=3, correlation_id=None) as out:
        pass
    published, process = made.get_finished_spans()
    assert published.parent.span_id == process.context.span_id
    assert out.headers == {
        "traceparent": f"00-{process.context.trace_id:032x}-{published.context.span_id:016x}"
        f"-{published.context.trace_flags:02x}"
    }


def test_of_events_that_are_published_together_each_carries_a_span_of_its_own(made):
    events = [StoredEvent(f"e{number}", "a.v1", b"[]") for number in range(2)]
    with span("process x"), publishing_together("nats", events, correlation_id="c") as out:
        out[1].span.failed("unroutable")
    *published, process = made.get_finished_spans()
    assert [each.attributes["messaging.message.id"] for each in published] == ["e0", "e1"]
    assert {each.parent.span_id for each in published} == {process.context.span_id}
    assert [each.headers["traceparent"].split("-")[2] for each in out] == [
        f"{each.context.span_id:016x}" for each in published
    ]
    assert [each.attributes.get("error.type") for each in published] == [None, "unroutable"]


def test_events_that_raise_on_their_way_have_all_failed(made):
    events = [StoredEvent(f"e{number}", "a.v1", b"[]") for number in range(2)]
    with pytest.raises(KeyError), publishing_together("nats", events, correlation_id=None):
        raise KeyError
    assert [each.attributes["error.type"] for each in made.get_finished_spans()] == ["KeyError"] * 2


class Heard:
    def __init__(self):
        self.events = []

    def record(self, event):
        self.events.append(event)


def test_stages_are_told_with_their_time_whether_or_not_spans_are_made():
    heard = Heard()
    with recording(heard):
        with stage("map"):
            pass
        with pytest.raises(KeyError), timed("publish"):
            raise KeyError
    assert [event.stage for event in heard.events if isinstance(event, StageEnded)] == ["map", "publish"]
    assert publishing_outside() == {}


def publishing_outside():
    with publishing("nats", "a.v1", id="e", size=3, correlation_id=None) as out:
        return dict(out.headers)
