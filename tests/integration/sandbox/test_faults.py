"""Faults, as a consumer meets them."""

import asyncio
import json

import httpx
import pytest

from bridge.sandbox import BY_NAME, FaultKind, InjectedFault, SandboxOptions, running
from tests.integration.sandbox.consumer import Consumer

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"
STATUS = FaultKind.STATUS


async def ask(consumer, scenario):
    patient = BY_NAME[scenario]
    return await consumer.record(patient.nhs_number, ods=patient.practice.ods)


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("no_consent", 403, "NO_PATIENT_CONSENT"),
        ("no_organisation_consent", 403, "NO_ORGANISATION_CONSENT"),
        ("demographics_refused", 400, "INVALID_PATIENT_DEMOGRAPHICS"),
        ("request_refused", 422, "INVALID_PARAMETER"),
        ("not_implemented", 501, "NOT_IMPLEMENTED"),
        ("always_fails", 500, "INTERNAL_SERVER_ERROR"),
        ("rate_limited_once", 429, "429"),
        ("proxy_timeout", 504, "504"),
        ("practice_unreachable", 502, "502"),
    ],
)
async def test_a_status_comes_in_the_dialect_of_who_sends_it(consumer, scenario, status, code):
    answer = await ask(consumer, scenario)
    coding = answer.json()["issue"][0]["details"]["coding"][0]
    assert (answer.status_code, coding["code"]) == (status, code)
    assert ("Spine-ErrorOrWarningCode-1" in coding["system"]) == (not code.isdigit())


async def test_what_fails_a_few_times_is_fine_after_them(consumer):
    statuses = [(await ask(consumer, "fails_twice")).status_code for _ in range(4)]
    assert statuses == [500, 500, 200, 200]
    consumer.sandbox.reset()
    assert (await ask(consumer, "fails_twice")).status_code == 500


async def test_a_limit_names_when_to_come_back(consumer):
    limited = await ask(consumer, "rate_limited_once")
    assert limited.headers["retry-after"] == "1"
    assert limited.headers["x-rate-limit-remaining"] == "0"
    assert (await ask(consumer, "rate_limited_once")).status_code == 200


async def test_lies_of_a_practice(consumer):
    assert (await ask(consumer, "empty_object")).json() == {}
    assert (await ask(consumer, "outcome_as_success")).json()["resourceType"] == "OperationOutcome"
    page = await ask(consumer, "html_page")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    cut = await ask(consumer, "cut_json")
    assert cut.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    mislabelled = await ask(consumer, "wrong_content_type")
    assert mislabelled.headers["content-type"] == "text/plain"
    assert mislabelled.json()["resourceType"] == "Bundle"
    stale = await ask(consumer, "stale_bundle")
    assert stale.json()["id"] != stale.request.headers["ssp-traceid"]
    other = await ask(consumer, "other_patient")
    (patient,) = [
        entry["resource"] for entry in other.json()["entry"] if entry["resource"]["resourceType"] == "Patient"
    ]
    assert patient["identifier"][0]["value"] != BY_NAME["other_patient"].nhs_number


@pytest.mark.parametrize("kind", [FaultKind.EMPTY_OBJECT, FaultKind.HTML, FaultKind.OUTCOME])
async def test_the_proxy_can_lie_too_after_the_work_was_done(consumer, kind):
    consumer.sandbox.fault(NUMBER, InjectedFault(kind, at="proxy", status=200))
    answer = await consumer.record(NUMBER)
    assert answer.status_code == 200
    assert b"Bundle" not in answer.content
    assert consumer.sandbox.calls.of("practice")[-1].status == 200


async def test_errors_without_an_outcome(consumer):
    page = await ask(consumer, "fails_in_html")
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    nothing = await ask(consumer, "unavailable")
    assert (nothing.status_code, nothing.content) == (503, b"")


async def test_a_reset_does_no_work(consumer):
    with pytest.raises(httpx.ReadError):
        await ask(consumer, "connection_reset")
    assert not consumer.sandbox.calls.of("practice")
    (call,) = consumer.sandbox.calls.of("proxy")
    assert (call.status, call.fault) == (None, "reset")


async def test_a_lost_answer_has_done_its_work(consumer):
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(consumer, "answer_lost")
    (call,) = consumer.sandbox.calls.of("practice")
    assert call.status == 200
    assert (await ask(consumer, "answer_lost")).status_code == 200


async def test_a_broken_transfer_is_broken_all_the_way(consumer, caplog):
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(consumer, "broken_transfer")
    # What is done on purpose is no error of the server's.
    assert (await ask(consumer, "no_consent")).status_code == 403
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_older_practice_names_another_code_system(consumer):
    answer = await ask(consumer, "no_consent_older")
    coding = answer.json()["issue"][0]["details"]["coding"][0]
    assert coding["system"] == "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"
    wrong = await consumer.record("9990000883", ods="A99002", claim={"aud": "x"})
    assert "ValueSet" in wrong.json()["issue"][0]["details"]["coding"][0]["system"]


async def test_a_code_that_no_table_knows_can_be_answered_all_the_same(consumer):
    consumer.sandbox.fault(NUMBER, InjectedFault(STATUS, status=403, code="ACCESS_DENIED"))
    answer = await consumer.record(NUMBER)
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "ACCESS_DENIED"


async def test_dripping_goes_on_though_no_single_read_is_late(consumer):
    async with httpx.AsyncClient(timeout=1.0, trust_env=False) as http:
        impatient = Consumer(consumer.sandbox, http)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(impatient, "dripping"), 1.5)
    (call,) = consumer.sandbox.calls.of("practice")
    assert call.fault == "drip"


async def test_nothing_ever_comes(consumer):
    async with httpx.AsyncClient(timeout=0.5, trust_env=False) as http:
        with pytest.raises(httpx.ReadTimeout):
            await ask(Consumer(consumer.sandbox, http), "no_answer")


async def test_a_sandbox_stops_while_it_hangs(state_dir):
    async with running(SandboxOptions(state_dir=state_dir)) as sandbox, httpx.AsyncClient() as http:
        sandbox.fault("*", InjectedFault(FaultKind.HANG, at="sds"))
        waiting = asyncio.create_task(Consumer(sandbox, http).route("A99001"))
        while not sandbox.calls.of("sds"):
            await asyncio.sleep(0.01)
    with pytest.raises(httpx.TransportError):
        await waiting


async def test_faults_are_set_per_patient_practice_or_for_everybody(consumer):
    sandbox = consumer.sandbox
    route = dict(zip(("root", "asid"), await consumer.route("A99001"), strict=True))
    for key in (NUMBER, "A99001", "*"):
        sandbox.fault(key, InjectedFault(STATUS, status=503))
        assert (await consumer.record(NUMBER, **route)).status_code == 503
        sandbox.clear_faults(key)
        assert (await consumer.record(NUMBER, **route)).status_code == 200
    sandbox.fault("9990000026", InjectedFault(STATUS, status=503))
    assert (await consumer.record(NUMBER, **route)).status_code == 200


async def test_directories_fail_too(consumer):
    consumer.sandbox.fault(NUMBER, InjectedFault(STATUS, at="pds", status=408))
    answer = await consumer.pds(NUMBER)
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "UNABLE_TO_CALL_SERVICE"
    consumer.sandbox.fault("A99001", InjectedFault(STATUS, at="sds", status=504))
    with pytest.raises(KeyError):
        await consumer.route("A99001")
    assert consumer.sandbox.calls.of("sds")[-1].status == 504


async def test_a_fault_never_hides_that_the_request_was_wrong(consumer):
    consumer.sandbox.fault(NUMBER, InjectedFault(FaultKind.EMPTY_OBJECT))
    assert (await consumer.record(NUMBER, claim={"aud": "wrong"})).status_code == 400


async def test_a_sandbox_in_another_process_is_steered_over_http(consumer):
    control = consumer.sandbox.urls["control"]
    fault = InjectedFault(STATUS, status=503, times=1)
    put = await consumer.http.put(f"{control}/faults", json={"key": NUMBER, "fault": fault.to_json()})
    assert put.status_code == 204
    assert [(await consumer.record(NUMBER)).status_code for _ in range(2)] == [503, 200]
    calls = (await consumer.http.get(f"{control}/calls")).json()
    assert [call["status"] for call in calls if call["upstream"] == "practice"] == [503, 200]
    assert calls[-1]["nhs_number"] == NUMBER
    assert (await consumer.http.delete(f"{control}/calls")).status_code == 204
    assert len(consumer.sandbox.calls) == 0
    assert (await consumer.http.delete(f"{control}/faults")).status_code == 204
    assert (await ask(consumer, "always_fails")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"x", b"[]", b"{}", b'{"key":"*","fault":{"kind":"meteor"}}', b'{"key":"*","fault":{"colour":1}}'],
)
async def test_a_fault_that_is_none_is_refused(consumer, body):
    control = consumer.sandbox.urls["control"]
    assert (await consumer.http.put(f"{control}/faults", content=body)).status_code == 400
    assert (await consumer.http.get(f"{control}/nothing")).status_code == 404
