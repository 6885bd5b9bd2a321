import orjson
import pytest

from bridge.engine.tracing import owing
from bridge.ledger import OwedEvents, StoredEvent
from bridge.observe.trace_context import current_trace, written_trace

CONTEXT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "ward=1"}
OTHER = {"traceparent": "00-aaf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


@pytest.mark.parametrize(
    ("bodies", "found"),
    [
        ([orjson.dumps({"id": "1", **CONTEXT, "data": OTHER})], CONTEXT),
        ([orjson.dumps({"id": "1", "data": OTHER})], {}),
        ([orjson.dumps({"id": "1", **CONTEXT, "dataref": "https://bridge/claims/1"})], CONTEXT),
        ([b"Amoxicillin\n", orjson.dumps(["a"]), orjson.dumps({"id": "1", **CONTEXT, "data": {}})], CONTEXT),
        ([orjson.dumps({"id": "1", "traceparent": 7, "data": {}})], {}),
        ([], {}),
    ],
)
def test_events_that_are_owed_go_out_in_the_trace_that_they_were_made_in(bodies, found):
    events = [StoredEvent(f"e{number}", "a.v1", body, "x") for number, body in enumerate(bodies)]
    with owing(OwedEvents("/epr 1", "c", events)):
        assert written_trace(current_trace()) == found
