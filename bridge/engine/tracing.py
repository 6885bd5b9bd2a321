"""A request as a trace: which one it belongs to, and what the span around each try of it says.

The trace is the one that the message brought (`traceparent`), or else one that is named after the request: a
retry, a redelivery after a crash, a message sent again from the dead letters and a check of a request in
doubt all belong to it, whichever worker has them.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

import orjson

from bridge.engine.incoming import IncomingRequest
from bridge.engine.outcomes import TryFacts
from bridge.ledger import OwedEvents, StoredEvent
from bridge.observe.spans import Span, SpanAttributes, SpanKind, span, trace_name
from bridge.observe.trace_context import TRACEPARENT, TRACESTATE, SpanContext, in_trace, read_trace
from bridge.observe.vocabulary.base import Outcome

_NO_TURN_YET: Final = frozenset({"running_elsewhere", "behind_another"})
"""Why a message is put off without any fault."""
_DATA: Final = b',"data":'


@contextmanager
def trying(incoming: IncomingRequest, *, broker: str, queue: str) -> Iterator[Span]:
    """Around one delivery of a request, from when it is read until its events are published."""
    delivery = incoming.delivery
    said: SpanAttributes = {
        "messaging.system": broker,
        "messaging.destination.name": queue,
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.message.id": incoming.request_id,
        "messaging.message.body.size": len(delivery.body),
        "bridge.attempt": delivery.attempt,
        "bridge.deliveries": delivery.deliveries,
        "bridge.reason": delivery.given_up,
    }
    with _trace_of(incoming), span(_name("process", incoming), said, kind=SpanKind.CONSUMER) as made:
        made.tell(_named(incoming))
        yield made


@contextmanager
def delivering_to_peer(
    request_key: str, context: SpanContext | None, topic: str, said: SpanAttributes
) -> Iterator[Span]:
    """Around one delivery of a rendered message, in the trace of the request that asked for the record."""
    with (
        _trace(request_key, context),
        span(f"process {topic}", said, kind=SpanKind.CONSUMER) as made,
    ):
        yield made


@contextmanager
def checking(incoming: IncomingRequest) -> Iterator[Span]:
    """Around one check of a request in doubt, which no message brings."""
    with _trace_of(incoming), span(_name("check", incoming), _named(incoming)) as made:
        yield made


def tell_outcome(made: Span, outcome: Outcome, facts: TryFacts) -> None:
    """How the try ended, in the words of the log."""
    code, reason = facts.get("code"), facts.get("reason")
    made.tell(
        {
            "bridge.outcome": outcome,
            "bridge.code": code,
            "bridge.stage": facts.get("stage"),
            "bridge.reason": reason,
            "bridge.events": facts.get("events"),
        }
    )
    if outcome != "completed" and reason not in _NO_TURN_YET:
        made.failed(code or (outcome if outcome != "retrying" else reason or outcome))


def owing(owed: OwedEvents) -> AbstractContextManager[None]:
    """Around the publishing of what is owed, which no message brings: its events say which trace it is."""
    return _trace(owed.request_key, _told_by(owed.events))


def _told_by(events: Sequence[StoredEvent]) -> SpanContext | None:
    for event in events:
        # Of a record only what stands before it is read.
        attributes, data, _ = event.body.partition(_DATA)
        with suppress(
            ValueError, AttributeError, TypeError
        ):  # another rendering's, which may be no JSON at all
            said = orjson.loads(attributes + b"}" if data else attributes)
            if found := read_trace(said.get(TRACEPARENT), said.get(TRACESTATE)):
                return found
    return None


def _trace_of(incoming: IncomingRequest) -> AbstractContextManager[None]:
    return _trace(incoming.opening.request_key, incoming.trace)


@contextmanager
def _trace(request_key: str, context: SpanContext | None) -> Iterator[None]:
    token = trace_name.set(request_key)
    try:
        with in_trace(context):
            yield
    finally:
        trace_name.reset(token)


def _name(action: str, incoming: IncomingRequest) -> str:
    # A routing key that no operation takes is whatever its sender made up.
    return f"{action} {incoming.operation.accepts if incoming.operation else 'unknown'}"


def _named(incoming: IncomingRequest) -> SpanAttributes:
    return {
        "messaging.message.conversation_id": incoming.correlation_id,
        "bridge.request_key": incoming.opening.request_key,
        "bridge.pipeline": incoming.opening.pipeline,
    }
