"""Which trace the work at hand belongs to: W3C Trace Context, as messages bring it and events carry it on.

The context is OpenTelemetry's own, so that a handler's own instrumentation finds it. What stands in it is
never a span that anybody could write on: attributes are set where a span is made (`bridge.observe.spans`),
and nowhere else. Baggage is not read at all, because nobody vouches for what it holds.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)

__all__ = [
    "TRACEPARENT",
    "TRACESTATE",
    "SpanContext",
    "current_trace",
    "in_trace",
    "read_trace",
    "written_trace",
]

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
"""Names of headers, and of the attributes of the CloudEvents extension for distributed tracing."""

_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_LONGEST_PARENT: Final = 200
_KEY: Final = r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_MEMBER: Final = re.compile(rf"({_KEY})=([!-+\--<>-~]{{1,256}})")
_LONGEST_STATE: Final = 512
"""Characters of a `tracestate` that everybody has to pass on (W3C Trace Context, section 3.3.1.5)."""
_MOST_MEMBERS: Final = 32
_SAMPLED_OR_RANDOM: Final = 0x03


def read_trace(traceparent: str | None, tracestate: str | None = None) -> SpanContext | None:
    """The context that a message brings; None of one that brings none, or none that can be read.

    What is malformed is ignored, as the standard asks: a trace is never worth a request. A `tracestate` that
    is long, malformed, or holds a blank, is left out: it is opaque, and goes on to others.

    Args:
        traceparent: as sent.
        tracestate: as sent; counts with a `traceparent` alone.
    """
    if not traceparent or len(traceparent) > _LONGEST_PARENT:
        return None
    found = _PARENT.fullmatch(traceparent.strip(" \t"))
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    context = SpanContext(
        trace_id=int(found[2], 16),
        span_id=int(found[3], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(found[4], 16) & _SAMPLED_OR_RANDOM),
        trace_state=_state(tracestate),
    )
    return context if context.is_valid else None


def _state(sent: str | None) -> TraceState:
    if not sent or len(sent) > _LONGEST_STATE:
        return TraceState()
    members = [_MEMBER.fullmatch(each.strip(" \t")) for each in sent.split(",") if each.strip(" \t")]
    pairs = {member[1]: member[2] for member in members if member is not None}
    # Read whole or not at all. (The SDK's own reading would log what it does not like.)
    is_sound = None not in members and len(pairs) == len(members) <= _MOST_MEMBERS
    return TraceState(list(pairs.items())) if is_sound else TraceState()


def written_trace(context: SpanContext | None) -> dict[str, str]:
    """A context as headers, or as CloudEvents attributes; empty where there is none."""
    if context is None:
        return {}
    trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    told = {TRACEPARENT: f"00-{trace_id}-{span_id}-{context.trace_flags:02x}"}
    if context.trace_state:
        told[TRACESTATE] = context.trace_state.to_header()
    return told


def current_trace() -> SpanContext | None:
    """The context of the span at hand, or else the one that the message brought."""
    at_hand = get_current_span()
    if at_hand is INVALID_SPAN:  # there is none
        return None
    context = at_hand.get_span_context()
    return context if context.is_valid else None


@contextmanager
def in_trace(context: SpanContext | None) -> Iterator[None]:
    """What happens in the block belongs to this trace; with None to none, whatever went before."""
    around = Context()
    token = attach(around if context is None else set_span_in_context(NonRecordingSpan(context), around))
    try:
        yield
    finally:
        detach(token)


def logged_trace() -> Mapping[str, str]:
    """What a line of the log says of the trace at hand; empty outside of one."""
    context = current_trace()
    if context is None:
        return {}
    return {
        "otel_trace_id": format_trace_id(context.trace_id),
        "otel_span_id": format_span_id(context.span_id),
    }
