"""Spans that no collector has: counted, and told once; what is made of them is nobody's loss."""

import threading
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from bridge.figures.recorder import Counts
from bridge.observe.recorder import recording
from bridge.observe.vocabulary.base import TelemetryEvent
from bridge.observe.vocabulary.process import SpansLost, SpansNotSent
from bridge.traces.sending import BoundedSpans

ROOM = 4


class SlowCollector(SpanExporter):
    """Takes what it is given when it is let; refuses it while it is told to."""

    def __init__(self) -> None:
        self.is_let = threading.Event()
        self.is_asked = threading.Event()
        self.names: list[str] = []
        self.refuses = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.is_asked.set()
        self.is_let.wait()
        if self.refuses:
            return SpanExportResult.FAILURE
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS


class Heard:
    def __init__(self) -> None:
        self.events: list[TelemetryEvent] = []

    def record(self, event: TelemetryEvent) -> None:
        self.events.append(event)


@pytest.fixture
def collector(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[SlowCollector, TracerProvider, BoundedSpans]]:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", str(ROOM))
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    slow = SlowCollector()
    spans = BoundedSpans(slow)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(spans)
    yield slow, provider, spans
    slow.is_let.set()
    provider.shutdown()


def test_what_is_too_many_for_the_queue_is_counted_and_the_rest_is_sent(collector):
    slow, provider, _ = collector
    tracer, counts, heard = provider.get_tracer("test"), Counts(), Heard()
    with recording(counts), recording(heard):
        tracer.start_span("0").end()
        slow.is_asked.wait()  # it has one in hand
        for number in range(1, ROOM + 4):
            tracer.start_span(str(number)).end()
    slow.is_let.set()
    assert provider.force_flush()
    assert slow.names == [str(number) for number in range(ROOM + 1)]
    assert heard.events == [
        SpansLost("queue_full", 1),
        SpansNotSent("queue_full"),
        *[SpansLost("queue_full", 1)] * 2,
    ]
    assert lost(counts) == {"queue_full": 3}


def test_what_a_collector_refuses_is_counted_when_the_next_span_ends(collector):
    slow, provider, _ = collector
    tracer, counts = provider.get_tracer("test"), Counts()
    slow.refuses = True
    slow.is_let.set()
    with recording(counts):
        for _ in range(2):
            tracer.start_span("refused").end()
            provider.force_flush()
        slow.refuses = False
        tracer.start_span("taken").end()
        provider.force_flush()
    assert slow.names == ["taken"]
    assert lost(counts) == {"collector": 2}


def lost(counts: Counts) -> dict[str, float]:
    return {
        sample.labels[0]: sample.value
        for family in counts.told()
        for sample in family.samples
        if family.name == "spans_lost_total"
    }
