import orjson
import pytest

from bridge.bus.port import Delivery
from bridge.engine.incoming import read_incoming
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.tracing import owing
from bridge.ledger import OwedEvents, StoredEvent
from bridge.observe.trace_context import current_trace, written_trace
from pipelines.structured_record import structured_record
from tests.support.requests import cloud_event, record_request

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


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize(
    ("state", "is_passed_on"),
    [
        ("ward=a:1", True),
        ("ward=t:1764453600000", True),
        ("ward=9990000018", False),
        ("ward=999-000-0018,lab=1", False),
        ("ward=77{asked}77", False),  # the one that is asked about, wherever it stands
    ],
)
def test_what_a_vendor_of_tracing_writes_costs_itself_and_no_request(state: str, *, is_passed_on: bool):
    asked = record_request()
    written = state.format(asked=asked["patient"]["nhs_number"])
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": written}
    binary = {f"ce-{name}": value for name, value in cloud_event(asked).items() if name != "data"}
    for sent, headers in (
        (cloud_event(asked, **trace), {}),
        (cloud_event(asked), {name.title(): value for name, value in trace.items()}),
        (asked, binary | {f"ce-{name}": value for name, value in trace.items()}),
    ):
        delivery = Delivery(orjson.dumps(sent), id="m-1", key="k", headers=headers)
        case = read_incoming(delivery, pipeline=structured_record, keys=PatientKeys("site key"))
        assert case.rejection is None
        assert case.trace is not None
        assert case.trace.trace_state.to_header() == (written if is_passed_on else "")
