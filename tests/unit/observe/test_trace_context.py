import string

import pytest

from bridge.observe.trace_context import current_trace, in_trace, logged_trace, read_trace, written_trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("state", ["ward=a:1", "lab@nhs=t61/rc;x,ward=2", "a=" + "x" * 256])
def test_what_is_sent_goes_on_as_it_is(state):
    assert written_trace(read_trace(PARENT, state)) == {"traceparent": PARENT, "tracestate": state}


def test_a_context_of_a_later_version_is_read_as_far_as_it_is_known():
    assert written_trace(read_trace(f"01-{TRACE}-{SPAN}-09-more")) == {"traceparent": PARENT}
    assert written_trace(read_trace(f" {PARENT}\t")) == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "",
        "00-1",
        PARENT.upper(),
        f"{PARENT}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{PARENT}\n",
        f"01-{TRACE}-{SPAN}-01-{'x' * 200}",
        f"00-{TRACE.translate(str.maketrans(string.digits, '٠١٢٣٤٥٦٧٨٩'))}-{SPAN}-01",
    ],
)
def test_what_is_malformed_is_no_context(malformed):
    assert read_trace(malformed, "ward=1") is None


@pytest.mark.parametrize(
    "state",
    [
        "ward",
        "ward=1,ward=2",
        "Ward=1",
        "ward=Asha Patel",
        "ward=\N{BULLET}",
        ",".join(f"k{n}=1" for n in range(33)),
        "a=" + "x" * 257,
        "a=" + "x" * 255 + ",b=" + "x" * 255,
    ],
)
def test_a_state_that_is_malformed_or_long_is_left_out_and_the_context_stays(state, caplog):
    assert written_trace(read_trace(PARENT, state)) == {"traceparent": PARENT}
    assert not caplog.records


def test_a_block_is_in_its_trace_and_in_no_other():
    assert current_trace() is None
    assert logged_trace() == {}
    with in_trace(read_trace(PARENT)):
        assert logged_trace() == {"otel_trace_id": TRACE, "otel_span_id": SPAN}
        with in_trace(None):
            assert current_trace() is None
        assert written_trace(current_trace()) == {"traceparent": PARENT}
    assert current_trace() is None
