"""Traces as a collector gets them: real workers, real brokers, and OTLP over HTTP, read back with its protobuf."""

import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.bus import open_bus
from bridge.observe.vocabulary.spans import ATTRIBUTES
from bridge.sandbox import BY_NAME, FaultKind, InjectedFault, RunningSandbox, SandboxOptions, running
from bridge.settings import Settings
from tests.support.hospital import Hospital, hospital_on
from tests.support.otlp import Collector, Spoken, collecting
from tests.support.processes import Child, worker
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENT = BY_NAME["rich_record"].nhs_number
SENT_SPAN = "00f067aa0ba902b7"


@dataclass
class TracedSite:
    """A worker process of its own, the hospital that asks it, and the collector that hears of it."""

    hospital: Hospital
    sandbox: RunningSandbox
    collector: Collector
    process: Child

    async def ask(self, nhs_number=PATIENT, *, headers=None, **attributes):
        asked = await self.hospital.ask(
            cloud_event(record_request(nhs_number), **attributes), headers=headers
        )
        return await self.hospital.outcome(asked), self.hospital.deliveries[asked]

    def lines(self, event):
        lines = map(json.loads, self.process.output.read_text().splitlines())
        return [line for line in lines if line["event"] == event]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory) -> AsyncIterator[RunningSandbox]:
    async with running(SandboxOptions(state_dir=tmp_path_factory.mktemp("sandbox"))) as started:
        yield started


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@asynccontextmanager
async def site_on(
    url: str, sandbox: RunningSandbox, collector: Collector, folder: Path, **more: str
) -> AsyncIterator[TracedSite]:
    environment = sandbox.environment | {
        "BRIDGE_BUS_URL": url,
        "BRIDGE_BUS_PREFIX": f"t{secrets.token_hex(4)}",
        "BRIDGE_STATE_DIR": str(folder),
        "BRIDGE_PDS_RATE_PER_SECOND": "1000",
        "BRIDGE_RETRY_FIRST_DELAY": "0.05",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-site=ward",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_SERVICE_NAME": "gpconnect-test",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=ci",
        **more,
    }
    with ExitStack() as processes:
        settings = Settings.load(environ=os.environ | environment)
        started = processes.enter_context(
            worker(
                environment,
                output=folder / "worker.log",
                arguments=["--pipeline", "structured_record"],
            )
        )
        async with open_bus(settings) as bus, hospital_on(bus) as hospital:
            yield TracedSite(hospital, sandbox, collector, started)


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)],
)
async def site(request, sandbox, collector, tmp_path_factory) -> AsyncIterator[TracedSite]:
    url = request.getfixturevalue(f"{request.param}_url")
    async with site_on(url, sandbox, collector, tmp_path_factory.mktemp(request.param)) as started:
        yield started


def sent_trace() -> tuple[str, dict[str, str]]:
    trace_id = secrets.token_hex(15) + "ab"
    return trace_id, {"traceparent": f"00-{trace_id}-{SENT_SPAN}-01", "tracestate": "ward=a:1,lab@nhs=2"}


def only(spans: list[Spoken], name: str) -> Spoken:
    [found] = [span for span in spans if span.name == name]
    return found


async def test_a_request_is_one_trace_from_its_message_to_each_of_its_events(site):
    trace_id, context = sent_trace()

    events, deliveries = await site.ask(headers=context | {"baggage": "ward=7"})

    spans = site.collector.trace(trace_id)
    process = only(spans, "process record.requested.v1")
    assert (process.parent_id, process.kind, process.has_failed) == (SENT_SPAN, "CONSUMER", False)
    assert process.attributes["messaging.system"] in ("rabbitmq", "nats")
    assert process.attributes["messaging.destination.name"].endswith(".structured_record")
    assert process.attributes["messaging.operation.type"] == "process"
    assert process.attributes["bridge.outcome"] == "completed"
    assert process.attributes["bridge.attempt"] == 1
    children = {span.name: span for span in spans if span.parent_id == process.span_id}
    assert {"trace patient", "POST ssp", "map", "publish record.completed.v1"} <= children.keys()
    pds = only(spans, "GET pds")
    assert (pds.parent_id, pds.kind) == (children["trace patient"].span_id, "CLIENT")
    assert (pds.attributes["http.request.method"], pds.attributes["http.response.status_code"]) == (
        "GET",
        200,
    )
    assert pds.attributes["server.address"] == "127.0.0.1"
    assert {span.name for span in spans} >= {"GET sds"}
    practice = children["POST ssp"].attributes
    assert practice["bridge.interaction"].endswith("gpc.getstructuredrecord-1")
    # The id that the practice's supplier can find the call by; each call has its own.
    assert practice["bridge.trace_id"] == site.sandbox.calls.of("proxy")[-1].trace_id
    # On each event: where it was made in its envelope, the hop that brought it in its headers.
    for (kind, event), delivery in zip(events, deliveries, strict=True):
        publish = children[f"publish {kind}"]
        assert (publish.kind, publish.attributes["messaging.destination.name"]) == ("PRODUCER", kind)
        assert publish.attributes["messaging.message.id"] == event["id"]
        assert event["traceparent"] == f"00-{trace_id}-{process.span_id}-01"
        assert event["tracestate"] == delivery.headers["tracestate"] == context["tracestate"]
        assert delivery.headers["traceparent"] == f"00-{trace_id}-{publish.span_id}-01"
        assert "baggage" not in delivery.headers
        assert "baggage" not in event
    assert {"gpconnect-test", "ci"} <= set(site.collector.resource().values())
    assert site.collector.headers[0]["x-site"] == "ward"
    assert set(site.collector.paths) == {"/v1/traces"}
    # A line of the log leads to the trace.
    [line] = [one for one in site.lines("request_handled") if one.get("otel_trace_id") == trace_id]
    assert line["otel_span_id"] == process.span_id
    [call] = [one for one in site.lines("upstream_call") if one.get("otel_span_id") == pds.span_id]
    assert call["trace_id"] == pds.attributes["bridge.trace_id"]


async def test_the_context_may_come_in_the_envelope(site):
    trace_id, context = sent_trace()

    events, _ = await site.ask(**context)

    assert only(site.collector.trace(trace_id), "process record.requested.v1").parent_id == SENT_SPAN
    assert all(event["traceparent"].split("-")[1] == trace_id for _, event in events)


@pytest.mark.parametrize(
    "sent",
    [
        "00-1",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        7,
    ],
)
async def test_a_malformed_context_costs_nothing_and_a_trace_begins(site, sent):
    events, _ = await site.ask(traceparent=sent)

    assert events[-1][0] == "record.completed.v1"
    [trace_id] = {event["traceparent"].split("-")[1] for _, event in events}
    assert only(site.collector.trace(trace_id), "process record.requested.v1").parent_id == ""


@pytest.mark.parametrize("is_sent", [True, False])
async def test_a_retry_is_a_further_span_of_the_same_trace(site, is_sent):
    patient = BY_NAME["rich_record"].nhs_number
    trace_id, context = sent_trace()
    site.sandbox.fault(patient, InjectedFault(FaultKind.STATUS, status=503, times=1))

    events, _ = await site.ask(headers=context if is_sent else None)

    [told] = {event["traceparent"].split("-")[1] for _, event in events}
    assert told == trace_id or not is_sent
    spans = site.collector.trace(told, tries=2)
    first, second = sorted(
        (span for span in spans if span.name.startswith("process ")),
        key=lambda span: span.attributes["bridge.attempt"],
    )
    assert first.parent_id == second.parent_id == (SENT_SPAN if is_sent else "")
    assert (first.has_failed, first.attributes["bridge.outcome"]) == (True, "retrying")
    assert first.attributes["error.type"] == first.status == first.attributes["bridge.code"]
    assert (second.has_failed, second.attributes["bridge.outcome"]) == (False, "completed")
    [refused] = [span for span in spans if span.name == "POST ssp" and span.has_failed]
    assert (refused.attributes["error.type"], refused.parent_id) == ("503", first.span_id)


async def test_a_failed_and_a_rejected_request_say_so_in_the_engines_codes(site):
    deceased = BY_NAME["deceased"].nhs_number
    trace_id, context = sent_trace()
    events, _ = await site.ask(deceased, headers=context)
    assert events[0][1]["data"]["code"] == "patient_deceased"
    spans = site.collector.trace(trace_id)
    failed = only(spans, "process record.requested.v1")
    assert failed.attributes["bridge.outcome"] == "failed"
    assert failed.attributes["error.type"] == "patient_deceased"
    assert only(spans, "trace patient").attributes["error.type"] == "patient_deceased"

    trace_id, context = sent_trace()
    await site.ask("9990000019", headers=context)  # its check digit is wrong
    rejected = only(site.collector.trace(trace_id), "process record.requested.v1")
    assert (rejected.attributes["bridge.outcome"], rejected.attributes["error.type"]) == ("rejected",) * 2


@pytest.mark.duty("JO-033")
async def test_no_span_holds_anything_of_a_patient_or_of_a_person(site):
    """Whatever was sent so far, of every request of this module: attributes, names, events, states."""
    await site.ask()
    found = site.collector.spans()
    assert found
    for span in found:
        assert set(span.attributes) <= set(ATTRIBUTES)
        assert not span.wire.events
        assert not span.wire.links
        assert all(
            " " not in str(value) or name == "bridge.request_key" for name, value in span.attributes.items()
        )
    whole = b"\n".join(site.collector.bodies).lower()
    for scenario in BY_NAME.values():
        assert scenario.nhs_number.encode() not in whole
    for word in ("patel", "asha", "555021935107", "/patient/", "http://", "https://fhir", "identifier="):
        assert word.encode() not in whole


async def test_services_of_the_nhs_get_no_header_of_a_trace(site):
    _, context = sent_trace()
    await site.ask(headers=context | {"baggage": "ward=7"})

    calls = [
        call for upstream in ("token", "pds", "sds", "proxy") for call in site.sandbox.calls.of(upstream)
    ]
    assert {call.upstream for call in calls} == {"token", "pds", "sds", "proxy"}
    for call in calls:
        assert call.headers
        assert not call.headers & {"traceparent", "tracestate", "baggage", "b3", "x-b3-traceid"}


@pytest.mark.nats
async def test_a_collector_that_hangs_or_refuses_changes_no_outcome(nats_url, sandbox, tmp_path):
    with collecting(hangs=True) as hanging:
        async with site_on(nats_url, sandbox, hanging, tmp_path, BRIDGE_STOP_GRACE="1") as site:
            for _ in range(2):
                events, _ = await site.ask()
                assert events[-1][0] == "record.completed.v1"
            assert site.process.stop() == 0  # while the collector still hangs
        assert hanging.bodies
        assert [line["reason"] for line in site.lines("spans_not_sent")] == ["stopping"]
    refused = tmp_path / "refused"
    refused.mkdir()
    with collecting(status=500) as broken:
        async with site_on(nats_url, sandbox, broken, refused, OTEL_EXPORTER_OTLP_TIMEOUT="0.2") as site:
            events, _ = await site.ask()
            assert events[-1][0] == "record.completed.v1"
            site.process.wait_for('"spans_not_sent"')
            broken.status = 200
            await site.ask()
            site.process.wait_for('"spans_sent_again"')
            assert site.process.stop() == 0


@pytest.mark.nats
async def test_without_an_endpoint_nothing_is_sent_and_the_context_goes_on(nats_url, sandbox, tmp_path):
    trace_id, context = sent_trace()
    with collecting() as unheard:
        async with site_on(nats_url, sandbox, unheard, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="") as site:
            events, deliveries = await site.ask(headers=context)
            assert {event["traceparent"] for _, event in events} == {context["traceparent"]}
            assert {each.headers["traceparent"] for each in deliveries} == {context["traceparent"]}
            site.process.wait_for('"request_handled"')
            assert {line["otel_trace_id"] for line in site.lines("request_handled")} == {trace_id}
            events, deliveries = await site.ask()
            assert not any("traceparent" in event for _, event in events)
            assert not any("traceparent" in each.headers for each in deliveries)
            assert site.process.stop() == 0
        assert not unheard.bodies


@pytest.mark.nats
async def test_what_is_left_is_sent_as_the_worker_stops(nats_url, sandbox, tmp_path):
    trace_id, context = sent_trace()
    with collecting() as collector:
        async with site_on(nats_url, sandbox, collector, tmp_path, OTEL_BSP_SCHEDULE_DELAY="3600000") as site:
            await site.ask(headers=context)
            assert not collector.bodies
            assert site.process.stop() == 0
        assert only(collector.trace(trace_id), "process record.requested.v1")
