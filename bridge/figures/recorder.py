"""What a worker does, counted as it happens: events of the vocabulary become counters and histograms."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import Counter, Histogram, Metric

from bridge.bus.port import QueueSpec
from bridge.figures.labels import (
    AREA_OUTCOMES,
    CALL_OUTCOMES,
    CODES,
    DEAD_REASONS,
    OTHER,
    RETRY_REASONS,
    UNMAPPED_REASONS,
    Few,
)
from bridge.figures.table import AGE_BUCKETS, BUCKETS, FIGURES, PREFIX, STAGE_BUCKETS
from bridge.observe import pipeline_at_hand
from bridge.observe.vocabulary.base import TelemetryEvent
from bridge.observe.vocabulary.bus import MessageDead, OneByOneBegun, StoredMessagesLost
from bridge.observe.vocabulary.process import SpansLost
from bridge.observe.vocabulary.requests import InDoubtEnded, RecordMapped, RequestHandled, StageEnded
from bridge.observe.vocabulary.upstreams import UpstreamCall

_CREATED: Final = "_created"
"""Series of the library that say when a series began: as many again, and nobody asks."""
_BUCKETS: Final = {
    "request_duration_seconds": BUCKETS,
    "request_age_seconds": AGE_BUCKETS,
    "stage_duration_seconds": STAGE_BUCKETS,
}
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500


class Counts:
    """A `bridge.observe.Recorder`: hears what happens, and counts it.

    Nothing of it is registered with anybody: what is counted lives as long as its worker.
    """

    def __init__(self) -> None:
        self._pipelines, self._operations, self._interactions, self._areas = Few(), Few(), Few(), Few()
        self._streams = Few()
        self._counters = {
            name: Counter(PREFIX + name, figure.says, figure.labels, registry=None)
            for name, figure in FIGURES.items()
            if figure.kind == "counter"
        }
        self._histograms = {
            name: Histogram(PREFIX + name, figure.says, figure.labels, registry=None, buckets=_BUCKETS[name])
            for name, figure in FIGURES.items()
            if figure.kind == "histogram"
        }
        self._counted: dict[tuple[str, ...], Counter] = {}
        self._timed: dict[tuple[str, ...], Histogram] = {}
        self._count: dict[type[TelemetryEvent], Callable[[Any], None]] = {
            RequestHandled: self._handled,
            InDoubtEnded: self._doubt_ended,
            MessageDead: self._dead,
            UpstreamCall: self._called,
            StageEnded: self._stage_ended,
            RecordMapped: self._mapped,
            SpansLost: self._spans_lost,
            OneByOneBegun: self._taken_one_by_one,
            StoredMessagesLost: self._stored_messages_lost,
        }

    def _counter(self, name: str, *labels: str) -> Counter:
        """The series of these labels: the library looks them up under a lock, at three times the cost."""
        found = self._counted.get((name, *labels))
        if found is None:
            counter = self._counters[name]
            found = self._counted[name, *labels] = counter.labels(*labels) if labels else counter
        return found

    def _histogram(self, name: str, *labels: str) -> Histogram:
        found = self._timed.get((name, *labels))
        if found is None:
            found = self._timed[name, *labels] = self._histograms[name].labels(*labels)
        return found

    def begin(self, queues: Mapping[str, QueueSpec]) -> None:
        """Have a series of each operation before there is anything to count, so that its growth is seen."""
        for pipeline, queue in queues.items():
            for operation in queue.keys:
                labels = (self._pipelines(pipeline), self._operations(operation))
                self._counter("requests_total", *labels, "completed", "")
                self._histogram("request_duration_seconds", *labels)

    def record(self, event: TelemetryEvent) -> None:
        """Count an event; most are none of ours."""
        count = self._count.get(type(event))
        if count is not None:
            count(event)

    def metrics(self) -> Iterator[Metric]:
        """What was counted, for one answer."""
        for counted in (*self._counters.values(), *self._histograms.values()):
            for metric in counted.collect():
                metric.samples = [each for each in metric.samples if not each.name.endswith(_CREATED)]
                yield metric

    def _handled(self, event: RequestHandled) -> None:
        pipeline = self._pipeline()
        if event.outcome == "retrying":
            reason = RETRY_REASONS(event.code or event.reason)
            self._counter("retries_total", pipeline, reason).inc()
        if event.ended is None:  # it is tried again, or had ended before
            return
        operation = self._operations(event.operation)
        self._counter("requests_total", pipeline, operation, event.ended, CODES(event.code)).inc()
        seconds = event.duration_ms / 1000
        self._histogram("request_duration_seconds", pipeline, operation).observe(seconds)
        if event.age_s is not None:
            self._histogram("request_age_seconds", pipeline).observe(event.age_s)

    def _doubt_ended(self, event: InDoubtEnded) -> None:
        operation, outcome = self._operations(event.operation), event.ended or OTHER
        self._counter("requests_total", self._pipeline(), operation, outcome, CODES(event.code)).inc()

    def _dead(self, event: MessageDead) -> None:
        self._counter("dead_letters_total", self._pipeline(), DEAD_REASONS(event.reason)).inc()

    def _called(self, event: UpstreamCall) -> None:
        interaction = self._interactions(event.interaction)
        self._counter("upstream_calls_total", event.upstream, interaction, _outcome(event)).inc()
        self._histogram("stage_duration_seconds", event.upstream).observe(event.duration_ms / 1000)

    def _stage_ended(self, event: StageEnded) -> None:
        self._histogram("stage_duration_seconds", event.stage).observe(event.duration_ms / 1000)

    def _spans_lost(self, event: SpansLost) -> None:
        self._counter("spans_lost_total", event.reason).inc(event.spans)

    def _taken_one_by_one(self, _event: OneByOneBegun) -> None:
        self._counter("taken_one_by_one_total").inc()

    def _stored_messages_lost(self, event: StoredMessagesLost) -> None:
        self._counter("stored_messages_lost_total", self._streams(event.stream)).inc(event.messages)

    def _mapped(self, event: RecordMapped) -> None:
        for told in event.areas:
            name, outcome, items = told.split(":")
            area = self._areas(name)
            self._counter("record_area_outcomes_total", area, AREA_OUTCOMES(outcome)).inc()
            self._counter("record_items_total", area).inc(int(items))
        for told in event.unmapped:
            name, reason, count = told.split(":")
            area = self._areas(name)
            self._counter("record_unmapped_total", area, UNMAPPED_REASONS(reason)).inc(int(count))

    def _pipeline(self) -> str:
        return self._pipelines(pipeline_at_hand())


def _outcome(event: UpstreamCall) -> str:
    if event.result.startswith("tls_"):
        return "tls"
    if event.status is not None and event.status >= _CLIENT_ERROR:
        return "http_5xx" if event.status >= _SERVER_ERROR else "http_4xx"
    return CALL_OUTCOMES(event.result)
