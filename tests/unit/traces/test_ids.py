from bridge.observe.spans import trace_name
from bridge.traces.sending import NamedTraceIds


def test_everything_about_one_request_has_one_trace_wherever_it_is_done():
    first, second = NamedTraceIds(), NamedTraceIds()
    made = {}
    for key in ("/epr 1", "/epr 2"):
        token = trace_name.set(key)
        made[key] = {first.generate_trace_id(), second.generate_trace_id()}
        trace_name.reset(token)
    assert [len(ids) for ids in made.values()] == [1, 1]
    assert made["/epr 1"] != made["/epr 2"]
    assert first.generate_trace_id() != first.generate_trace_id()
