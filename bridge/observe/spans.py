"""Where work begins and ends: spans of a trace, and the time that stages of a request take.

A span is made where somebody gave a tracer (`making_spans`; `bridge.traces` does so in a worker that has an
exporter); anywhere else a block runs as if nothing stood around it. The trace that a message brought goes on
all the same.

Attributes are held to `bridge.observe.vocabulary.spans` as they are set: a name that stands there, and a
number or a code. There is no way to give a span free text, an exception or its message.
"""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from bridge.errors import RequestFailed, RequestRejected
from bridge.observe.recorder import WITHHELD, record
from bridge.observe.redaction import redact
from bridge.observe.trace_context import current_trace, in_trace, written_trace
from bridge.observe.vocabulary.requests import StageEnded, TimedStage
from bridge.observe.vocabulary.spans import ATTRIBUTES, AttributeName

__all__ = [
    "SILENT",
    "Span",
    "SpanKind",
    "making_spans",
    "publishing",
    "publishing_together",
    "span",
    "stage",
    "timed",
    "trace_name",
]

SpanValue: TypeAlias = str | int | float
SpanAttributes: TypeAlias = Mapping[AttributeName, SpanValue | None]
_CODE: Final = re.compile(r"[!-~]{0,500}")
_NONE: Final[SpanAttributes] = {}
_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
trace_name: ContextVar[str | None] = ContextVar("trace_name", default=None)
"""What the trace at hand is about, where no message brought one: everything under one name is one trace."""


class Span:
    """A span that is made; or, where none is, something that takes what is said of it, and forgets it."""

    __slots__ = ("_has_failed", "_span")

    def __init__(self, made: trace.Span) -> None:
        self._span = made
        self._has_failed = False

    def tell(self, attributes: SpanAttributes) -> None:
        """Add what is known of it; what is None is left out."""
        if self._span.is_recording():
            self._span.set_attributes(guarded(attributes))

    def failed(self, code: str) -> None:
        """It did not come to what it was for; `code` is the engine's, or the status of an answer.

        The first one counts: who is nearer knows better.
        """
        if self._span.is_recording() and not self._has_failed:
            self._has_failed = True
            told = guarded({"error.type": code})
            self._span.set_attributes(told)
            self._span.set_status(Status(StatusCode.ERROR, str(told["error.type"])))


class Publishing(NamedTuple):
    """An event on its way out: its span, and the headers that carry the trace on; none outside of a trace."""

    span: Span
    headers: Mapping[str, str]


SILENT: Final = Span(trace.INVALID_SPAN)
_NO_SPAN: Final = nullcontext(SILENT)


@contextmanager
def making_spans(tracer: Tracer) -> Iterator[None]:
    """Make spans with this tracer inside the block, and in the tasks that begin there."""
    token = _tracer.set(tracer)
    try:
        yield
    finally:
        _tracer.reset(token)


def span(
    name: str, attributes: SpanAttributes = _NONE, *, kind: SpanKind = SpanKind.INTERNAL
) -> AbstractContextManager[Span]:
    """A span around the block, within the trace at hand; an error that leaves the block is told by its code.

    Args:
        name: of fixed words, routing keys and upstreams.
        attributes: what is known at its beginning.
        kind: whose side of which exchange it is.
    """
    tracer = _tracer.get()
    return _NO_SPAN if tracer is None else _made(tracer, name, attributes, kind)


@contextmanager
def _made(tracer: Tracer, name: str, attributes: SpanAttributes, kind: SpanKind) -> Iterator[Span]:
    made = tracer.start_span(name, kind=kind, attributes=guarded(attributes))
    told = Span(made)
    try:
        # Others see where they are, and cannot write on it.
        with in_trace(made.get_span_context()):
            yield told
    except BaseException as error:
        told.failed(_code_of(error))
        raise
    finally:
        made.end()


@contextmanager
def publishing(
    broker: str,
    topic: str,
    *,
    id: str,  # noqa: A002 - the field's own name
    size: int,
    correlation_id: str | None,
) -> Iterator[Publishing]:
    """Around the publishing of one event.

    Args:
        broker: as the log calls it.
        topic: of the event.
        id: of the event.
        size: bytes of its body.
        correlation_id: as the message carries it.
    """
    if _tracer.get() is None:
        yield Publishing(SILENT, written_trace(current_trace()))
        return
    said = _said(broker, topic, id, size, correlation_id)
    with span(f"publish {topic}", said, kind=SpanKind.PRODUCER) as made:
        yield Publishing(made, written_trace(current_trace()))


class _Event(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def body(self) -> bytes: ...


@contextmanager
def publishing_together(
    broker: str, events: Sequence[_Event], *, correlation_id: str | None
) -> Iterator[Sequence[Publishing]]:
    """Around the publishing of several events at once: a span for each, as of one that is published alone.

    Args:
        broker: as the log calls it.
        events: that are published.
        correlation_id: as their messages carry it.
    """
    tracer = _tracer.get()
    if tracer is None:
        yield [Publishing(SILENT, written_trace(current_trace()))] * len(events)
        return
    made = [
        tracer.start_span(
            f"publish {each.topic}",
            kind=SpanKind.PRODUCER,
            attributes=guarded(_said(broker, each.topic, each.id, len(each.body), correlation_id)),
        )
        for each in events
    ]
    told = [Publishing(Span(each), written_trace(each.get_span_context())) for each in made]
    try:
        yield told
    except BaseException as error:
        for each in told:
            each.span.failed(_code_of(error))
        raise
    finally:
        for one in made:
            one.end()


def _said(broker: str, topic: str, name: str, size: int, correlation_id: str | None) -> SpanAttributes:
    return {
        "messaging.system": broker,
        "messaging.destination.name": topic,
        "messaging.operation.type": "send",
        "messaging.operation.name": "publish",
        "messaging.message.id": name,
        "messaging.message.body.size": size,
        "messaging.message.conversation_id": correlation_id,
    }


class timed:  # noqa: N801 - used as a function; as a generator it would cost twice as much, five times a request
    """Times a stage of a request (`StageEnded`), without a span of its own."""

    __slots__ = ("_stage", "_started")

    def __init__(self, stage: TimedStage) -> None:
        self._stage: TimedStage = stage

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_error: object) -> None:
        record(StageEnded(self._stage, round((time.perf_counter() - self._started) * 1000, 1)))


@contextmanager
def stage(name: Literal["map"]) -> Iterator[None]:
    """A stage that has a span and is timed."""
    with timed(name), span(name):
        yield


def guarded(attributes: SpanAttributes) -> dict[str, SpanValue]:
    """Attributes without what no span may hold: names that nobody knows, free text, what redaction hides."""
    return {
        name: _clean(value) for name, value in attributes.items() if value is not None and name in ATTRIBUTES
    }


def _clean(value: SpanValue) -> SpanValue:
    if not isinstance(value, str):
        return value
    return redact(value) if _CODE.fullmatch(value) else WITHHELD


def _code_of(error: BaseException) -> str:
    if isinstance(error, RequestFailed):
        return error.code.value
    if isinstance(error, RequestRejected):
        return "rejected"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__
