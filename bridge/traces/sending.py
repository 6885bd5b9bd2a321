"""How spans leave: the SDK of OpenTelemetry with its exporter for OTLP over HTTP (the extra ``otel``).

Everything about them is read by the SDK from the ``OTEL_`` variables: the sampler, the queue, the endpoint.
"""

import random
import uuid
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from bridge.observe import record
from bridge.observe.spans import trace_name
from bridge.observe.vocabulary.process import SpansLost, SpansNotSent, SpansSentAgain
from bridge.traces.variables import longest_queue


def open_provider() -> TracerProvider:
    """What makes tracers whose spans are sent; nobody else knows it, so nothing else is sent."""
    provider = TracerProvider(resource=_resource(), id_generator=NamedTraceIds(), shutdown_on_exit=False)
    provider.add_span_processor(BoundedSpans(OTLPSpanExporter()))
    return provider


class NamedTraceIds(RandomIdGenerator):
    """Ids of traces that no message began: of one request always the same, whichever worker has it."""

    def generate_trace_id(self) -> int:
        """From the name of the trace at hand; random without one."""
        name = trace_name.get()
        if name is None:
            return random.getrandbits(128) or 1
        return int.from_bytes(sha256(name.encode("utf-8", "surrogatepass")).digest()[:16]) or 1

    def is_trace_id_random(self) -> bool:
        """As samplers see it: a hash is evenly spread, but it is not random."""
        return False


class BoundedSpans(SpanProcessor):
    """Lets no more spans wait than the queue of the SDK holds, and counts those that are too many.

    The SDK drops what is over and says so in its own log alone. Here nothing comes to it that it would drop.

    Args:
        exporter: where spans go.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = NotedExporter(exporter)
        self._most = longest_queue()
        self._queue = BatchSpanProcessor(self._exporter, max_queue_size=self._most)
        self._handed = 0
        self._is_full = False

    def on_end(self, span: ReadableSpan) -> None:
        """Have an ended span sent; runs where it ended, so that figures hear of what is lost."""
        if not (span.context and span.context.trace_flags.sampled):
            return
        if refused := self._exporter.refused():
            record(SpansLost("collector", refused))
        # The exporter takes a batch out of the queue before it says so: there is never less room than this.
        waiting = self._handed - self._exporter.taken
        if waiting < self._most:
            self._handed += 1
            self._is_full = self._is_full and waiting > self._most // 2
            self._queue.on_end(span)
            return
        record(SpansLost("queue_full", 1))
        if not self._is_full:
            self._is_full = True
            record(SpansNotSent("queue_full"))

    def shutdown(self) -> None:
        """Send what waits, and nothing any more."""
        self._queue.shutdown()  # type: ignore[no-untyped-call]  # the SDK says no types of it

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Send what waits now."""
        return self._queue.force_flush(timeout_millis)


class NotedExporter(SpanExporter):
    """Tells the log, in words of ours, when a collector takes nothing any more, and when it does again.

    Attributes:
        taken: spans that it was given so far.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_taken = True
        self.taken = 0
        self._refused = 0
        self._told = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, in the thread that is there for it."""
        self.taken += len(spans)
        result = self._exporter.export(spans)
        is_taken = result is SpanExportResult.SUCCESS
        if not is_taken:
            self._refused += len(spans)
        if is_taken is not self._is_taken:
            self._is_taken = is_taken
            record(SpansSentAgain() if is_taken else SpansNotSent("collector"))
        return result

    def refused(self) -> int:
        """How many spans the collector did not take since this was asked the last time."""
        refused = self._refused
        new, self._told = refused - self._told, refused
        return new

    def shutdown(self) -> None:
        """Send nothing any more."""
        self._exporter.shutdown()


def _resource() -> Resource:
    """Who sends: by ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES``, else by what we are."""
    said = OTELResourceDetector().detect().attributes
    own = {
        "service.name": "gpconnect-bridge",
        "service.version": version("gpconnect-bridge"),
        "service.instance.id": str(uuid.uuid4()),
    }
    return Resource.create({name: value for name, value in own.items() if name not in said})
