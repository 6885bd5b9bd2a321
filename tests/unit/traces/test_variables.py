import pytest

from bridge.engine.worker import check
from bridge.errors import Misconfigured
from bridge.settings import Settings
from bridge.traces import trace_faults, traces_are_on

ENDPOINT, HEADERS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"
ON = {ENDPOINT: "https://collector.example:4318"}


@pytest.mark.parametrize(
    ("environ", "is_on"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        (ON, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector.example/v1/traces"}, True),
        (ON | {"OTEL_SDK_DISABLED": "True"}, False),
        (ON | {"OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_an_endpoint_switches_traces_on(environ, is_on):
    assert traces_are_on(environ) is is_on
    assert trace_faults(sandbox=False, environ=environ) == []


@pytest.mark.parametrize(
    ("endpoint", "goes"),
    [
        ("https://collector.example", True),
        ("http://localhost:4318", True),
        ("http://127.0.0.9:4318", True),
        ("http://[::1]:4318", True),
        ("http://collector:4318", True),
        ("http://collector.tracing.svc:4318", True),
        ("http://collector.tracing.svc.cluster.local:4318", True),
        ("http://collector.example:4318", False),
        ("http://10.0.0.7:4318", False),
        ("http://[fd00::7]:4318", False),
    ],
)
def test_plain_http_leaves_neither_this_machine_nor_its_cluster(endpoint, goes):
    assert (trace_faults(sandbox=False, environ={ENDPOINT: endpoint}) == []) is goes
    assert trace_faults(sandbox=True, environ={ENDPOINT: endpoint}) == []


def test_a_token_goes_to_another_machine_by_https_alone():
    token = {HEADERS: "authorization=Bearer%20x"}
    [fault] = trace_faults(sandbox=False, environ={ENDPOINT: "http://collector:4318"} | token)
    assert fault.startswith(HEADERS)
    assert "Bearer" not in fault
    assert trace_faults(sandbox=False, environ={ENDPOINT: "http://localhost:4318"} | token) == []
    assert trace_faults(sandbox=False, environ=ON | token) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),  # a batch has 512, unless it is told otherwise
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1"),
        (ENDPOINT, "collector.example:4318"),
        (ENDPOINT, "grpc://collector.example"),
        (ENDPOINT, "https://user:word@collector.example"),
        (ENDPOINT, "https://collector.example:port"),
        (ENDPOINT, "https://collector.example/?token=x"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/nowhere/key.pem"),
    ],
)
def test_what_does_not_go_is_told_by_its_name(name, value):
    [fault] = trace_faults(sandbox=False, environ=ON | {name: value})
    assert fault.startswith(f"{name}: ")
    assert "word" not in fault.removeprefix(name).replace("password", "")


def test_a_ratio_is_a_number():
    ratio = ON | {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
    assert trace_faults(sandbox=False, environ=ratio) == []
    [fault] = trace_faults(sandbox=False, environ=ratio | {"OTEL_TRACES_SAMPLER_ARG": "10%"})
    assert fault.startswith("OTEL_TRACES_SAMPLER_ARG")


def test_a_worker_does_not_start_with_such_a_fault(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "http://collector.example:4318")
    with pytest.raises(Misconfigured, match=f"{ENDPOINT}: must be https"):
        check(Settings())
