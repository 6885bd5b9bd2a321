"""What a worker does, counted as it happens: events of the vocabulary become counters and histograms."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bridge.bus.port import QueueSpec
from bridge.figures.counting import Histogram, counters
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
from bridge.figures.table import AGE_BUCKETS, BUCKETS, STAGE_BUCKETS
from bridge.figures.text import Family
from bridge.observe import pipeline_at_hand
from bridge.observe.vocabulary.base import TelemetryEvent
from bridge.observe.vocabulary.bus import MessageDead, OneByOneBegun, StoredMessagesLost
from bridge.observe.vocabulary.process import SpansLost
from bridge.observe.vocabulary.requests import InDoubtEnded, RecordMapped, RequestHandled, StageEnded
from bridge.observe.vocabulary.upstreams import UpstreamCall

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
        self._counters = counters()
        self._histograms = {name: Histogram(name, bounds) for name, bounds in _BUCKETS.items()}
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

    def begin(self, queues: Mapping[str, QueueSpec]) -> None:
        """Have a series of each operation before there is anything to count, so that its growth is seen."""
        for pipeline, queue in queues.items():
            for operation in queue.keys:
                labels = (self._pipelines(pipeline), self._operations(operation))
                self._counters["requests_total"].add(*labels, "completed", "", times=0)
                self._histograms["request_duration_seconds"].begin(*labels)

    def record(self, event: TelemetryEvent) -> None:
        """Count an event; most are none of ours."""
        count = self._count.get(type(event))
        if count is not None:
            count(event)

    def told(self) -> Iterator[Family]:
        """What was counted, for one answer."""
        yield from (counter.told() for counter in self._counters.values())
        yield from (histogram.told() for histogram in self._histograms.values())

    def _handled(self, event: RequestHandled) -> None:
        pipeline = self._pipeline()
        if event.outcome == "retrying":
            reason = RETRY_REASONS(event.code or event.reason)
            self._counters["retries_total"].add(pipeline, reason)
        if event.ended is None:  # it is tried again, or had ended before
            return
        operation = self._operations(event.operation)
        self._counters["requests_total"].add(pipeline, operation, event.ended, CODES(event.code))
        seconds = event.duration_ms / 1000
        self._histograms["request_duration_seconds"].observe(seconds, pipeline, operation)
        if event.age_s is not None:
            self._histograms["request_age_seconds"].observe(event.age_s, pipeline)

    def _doubt_ended(self, event: InDoubtEnded) -> None:
        operation, outcome = self._operations(event.operation), event.ended or OTHER
        self._counters["requests_total"].add(self._pipeline(), operation, outcome, CODES(event.code))

    def _dead(self, event: MessageDead) -> None:
        self._counters["dead_letters_total"].add(self._pipeline(), DEAD_REASONS(event.reason))

    def _called(self, event: UpstreamCall) -> None:
        interaction = self._interactions(event.interaction)
        self._counters["upstream_calls_total"].add(event.upstream, interaction, _outcome(event))
        self._histograms["stage_duration_seconds"].observe(event.duration_ms / 1000, event.upstream)

    def _stage_ended(self, event: StageEnded) -> None:
        self._histograms["stage_duration_seconds"].observe(event.duration_ms / 1000, event.stage)

    def _spans_lost(self, event: SpansLost) -> None:
        self._counters["spans_lost_total"].add(event.reason, times=event.spans)

    def _taken_one_by_one(self, _event: OneByOneBegun) -> None:
        self._counters["taken_one_by_one_total"].add()

    def _stored_messages_lost(self, event: StoredMessagesLost) -> None:
        self._counters["stored_messages_lost_total"].add(self._streams(event.stream), times=event.messages)

    def _mapped(self, event: RecordMapped) -> None:
        for told in event.areas:
            name, outcome, items = told.split(":")
            area = self._areas(name)
            self._counters["record_area_outcomes_total"].add(area, AREA_OUTCOMES(outcome))
            self._counters["record_items_total"].add(area, times=int(items))
        for told in event.unmapped:
            name, reason, count = told.split(":")
            area = self._areas(name)
            self._counters["record_unmapped_total"].add(area, UNMAPPED_REASONS(reason), times=int(count))

    def _pipeline(self) -> str:
        return self._pipelines(pipeline_at_hand())


def _outcome(event: UpstreamCall) -> str:
    if event.result.startswith("tls_"):
        return "tls"
    if event.status is not None and event.status >= _CLIENT_ERROR:
        return "http_5xx" if event.status >= _SERVER_ERROR else "http_4xx"
    return CALL_OUTCOMES(event.result)
