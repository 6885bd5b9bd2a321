"""A collector: takes spans by OTLP over HTTP as they come from the exporter, and reads them with the standard's protobuf."""

import gzip
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

_PATIENCE = 40.0


@dataclass(frozen=True)
class Spoken:
    """A span as it arrived."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    attributes: dict[str, Any]
    has_failed: bool
    status: str
    wire: WireSpan = field(repr=False)


@dataclass
class Collector:
    """Keeps what it is sent; answers `status`, once it is let, when it is not to hang."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    let: threading.Event = field(default_factory=threading.Event)

    def spans(self) -> list[Spoken]:
        found = []
        for body in [*self.bodies]:
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    found += [_spoken(span) for span in scope.spans]
        return found

    def resource(self) -> dict[str, Any]:
        request = ExportTraceServiceRequest.FromString(self.bodies[0])
        return _plain(request.resource_spans[0].resource.attributes)

    def trace(self, trace_id: str, *, tries: int = 1) -> list[Spoken]:
        """All spans of a trace, once so many tries of its request are over."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = [span for span in self.spans() if span.trace_id == trace_id]
            if sum(span.name.startswith("process ") for span in found) >= tries:
                return found
            assert time.monotonic() < deadline, f"of {tries} tries only: {[span.name for span in found]}"
            time.sleep(0.05)


@contextmanager
def collecting(*, hangs: bool = False, status: int = 200) -> Iterator[Collector]:
    """A collector on a free port of this machine."""
    collector = Collector(status=status)
    if not hangs:
        collector.let.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.paths.append(self.path)
            collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            collector.bodies.append(body)
            collector.let.wait()
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *_args: object) -> None:  # noqa: A002 - of the base class
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        collector.let.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _spoken(span: WireSpan) -> Spoken:
    return Spoken(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        attributes=_plain(span.attributes),
        has_failed=span.status.code == Status.STATUS_CODE_ERROR,
        status=span.status.message,
        wire=span,
    )


def _plain(attributes: Sequence[Any]) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
