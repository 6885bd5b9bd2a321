"""The care record on the wire: version 0's address, headers, media type, errors and Conformance."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bridge.errors import FailureCode, Refused, RequestFailed, RequestRejected, ResponseInvalid, Unavailable
from bridge.fhir.parameters import DayPeriod
from bridge.gpconnect import GpConnect
from bridge.gpconnect.answer import PracticeAnswer
from bridge.record.sections import SECTIONS
from bridge.spine.pds import TracedPatient
from tests.integration.spine.world import (
    ASID,
    NHS_NUMBER,
    OWN_ASID,
    PRACTICE,
    World,
    claims,
    endpoint,
    patient,
    query,
    requester,
    searchset,
)
from tests.support.http_server import answer

ROOT = "https://gp.example.nhs.uk/A82038/DSTU2/0/gpconnect"
PREFIX = "urn:nhs:names:services:gpconnect:fhir:"
SYSTEM = "http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1"
MEDIA_TYPE = "application/json+fhir"


@pytest.fixture
def services(world: World) -> World:
    world.endpoints = searchset(endpoint(ROOT))
    world.practice = answer({"resourceType": "Bundle", "entry": []}, content_type=MEDIA_TYPE)
    return world


@pytest.fixture
async def traced(gpconnect: GpConnect, services: World) -> TracedPatient:
    found = await gpconnect.trace(patient(), requested_by=requester())
    services.seen.clear()
    services.server.requests.clear()
    return found


async def ask(
    gpconnect: GpConnect, traced: TracedPatient, section: Any = "ENC", **more: Any
) -> PracticeAnswer:
    return await gpconnect.care_record_section(traced, section, requested_by=requester(), **more)


@pytest.mark.duty("HT-001", "HT-004", "HT-006", "HT-035", "SP-010", "SP-013", "SP-032", "SP-066")
async def test_it_goes_to_the_root_of_version_0_with_its_headers_and_token(
    gpconnect: GpConnect, services: World, traced: TracedPatient
):
    got = await ask(gpconnect, traced)

    assert services.seen == ["sds.own", "sds.endpoint", "sds.device", "practice"]
    for looked_up in (*services.of("sds.endpoint"), *services.of("sds.device"), *services.of("sds.own")):
        interaction = (
            "https://fhir.nhs.uk/Id/nhsServiceInteractionId|" + PREFIX + "operation:gpc.getcarerecord"
        )
        assert ("identifier", interaction) in query(looked_up)
    (request,) = services.of("practice")
    assert (request.method, request.target) == ("POST", f"/{ROOT}/Patient/$gpc.getcarerecord")
    assert request.headers["accept"] == request.headers["content-type"] == f"{MEDIA_TYPE};charset=utf-8"
    assert request.headers["ssp-interactionid"] == PREFIX + "operation:gpc.getcarerecord"
    assert (request.headers["ssp-from"], request.headers["ssp-to"]) == (OWN_ASID, ASID)
    assert request.headers["ssp-traceid"] == got.trace_id
    said = claims(request)
    assert said["aud"] == "https://authorize.fhir.nhs.net/token"
    assert said["requested_record"]["identifier"][0]["value"] == NHS_NUMBER
    assert NHS_NUMBER.encode() in request.body
    assert NHS_NUMBER not in request.target
    assert (got.bundle(), got.practice_ods) == ({"resourceType": "Bundle", "entry": []}, PRACTICE)


@pytest.mark.duty("SP-014", "SP-015")
async def test_sections_of_one_request_share_one_look_up(
    gpconnect: GpConnect, services: World, traced: TracedPatient
):
    asked = [ask(gpconnect, traced, section, encounter_id="request-1") for section in SECTIONS]
    await asyncio.gather(*asked)
    assert services.seen.count("sds.endpoint") == services.seen.count("sds.device") == 1
    assert services.seen.count("practice") == len(SECTIONS)

    await ask(gpconnect, traced, encounter_id="request-2")
    assert services.seen.count("sds.endpoint") == 2


@pytest.mark.duty("HT-009")
async def test_a_period_that_may_not_be_is_never_sent(
    gpconnect: GpConnect, services: World, traced: TracedPatient
):
    with pytest.raises(RequestRejected):
        await ask(gpconnect, traced, "SUM", period=DayPeriod(date(2024, 1, 1)))
    assert services.seen == []


@pytest.mark.duty("HT-003", "SP-003")
async def test_an_old_trace_is_no_ground_for_a_call(
    gpconnect: GpConnect, services: World, traced: TracedPatient
):
    with pytest.raises(Refused, match="trace_too_old"):
        await ask(gpconnect, replace(traced, traced_at="2026-01-01T00:00:00.000Z"))
    assert services.seen == []


@pytest.mark.duty("SP-036", "HT-033")
@pytest.mark.parametrize(
    ("status", "name", "code"),
    [
        (400, "INVALID_NHS_NUMBER", FailureCode.INVALID_NHS_NUMBER),
        (400, "INVALID_IDENTIFIER_SYSTEM", FailureCode.REQUEST_REFUSED),
        (400, "INVALID_ODS_CODE", FailureCode.REQUEST_REFUSED),
        (403, "NO_PATIENT_CONSENT", FailureCode.SHARING_REFUSED),
        (403, "NO_ORGANISATIONAL_CONSENT", FailureCode.SHARING_REFUSED),
        (403, "NON_AUTHORITATIVE", FailureCode.PRACTICE_MISMATCH),
        (404, "PATIENT_NOT_FOUND", FailureCode.PATIENT_NOT_FOUND),
        (422, "INVALID_PARAMETER", FailureCode.REQUEST_REFUSED),
        (422, "INVALID_RESOURCE", FailureCode.REQUEST_REFUSED),
        (500, "INTERNAL_SERVER_ERROR", FailureCode.PROVIDER_ERROR),
        (501, "NOT_IMPLEMENTED", FailureCode.PRACTICE_NOT_ENABLED),
    ],
)
async def test_errors_of_version_0_have_no_display_and_their_own_meaning(
    gpconnect: GpConnect, services: World, traced: TracedPatient, status: int, name: str, code: FailureCode
):
    coding = {"system": SYSTEM, "code": name}
    issue = {"severity": "error", "details": {"coding": [coding]}, "diagnostics": f"about {NHS_NUMBER}"}
    services.practice = answer(
        {"resourceType": "OperationOutcome", "issue": [issue]}, status=status, content_type=MEDIA_TYPE
    )
    with pytest.raises(RequestFailed) as failed:
        await ask(gpconnect, traced)
    assert failed.value.code is code
    assert failed.value.detail == f"http={status} code={name} origin=provider-0.x"
    assert failed.value.retryable == isinstance(failed.value, Unavailable) == (status == 500)


@pytest.mark.duty("HT-027", "HT-028", "SP-100")
@pytest.mark.parametrize("wrapped", [False, True])
async def test_the_conformance_is_fetched_once_in_an_encounter(
    gpconnect: GpConnect, services: World, wrapped: bool
):
    def primitive(value: str) -> Any:
        return {"value": value} if wrapped else value

    services.practice = answer(
        {
            "resourceType": "Conformance",
            "version": primitive("0.7.2"),
            "rest": [{"mode": primitive("server"), "operation": [{"name": primitive("gpc.getcarerecord")}]}],
        },
        content_type=MEDIA_TYPE,
    )
    for _ in range(2):
        found = await gpconnect.conformance(PRACTICE, requested_by=requester(), encounter_id="e-1")
        assert (found.version, found.operations) == ("0.7.2", ("gpc.getcarerecord",))
    (request,) = services.of("practice")
    assert (request.method, request.target) == ("GET", f"/{ROOT}/metadata")
    assert request.headers["ssp-interactionid"] == PREFIX + "rest:read:metadata"
    said = claims(request)
    assert said["requested_scope"] == "organization/*.read"
    assert said["requested_record"]["identifier"][0]["value"] == PRACTICE

    await gpconnect.conformance(PRACTICE, requested_by=requester(), encounter_id="e-2")
    await gpconnect.conformance(PRACTICE, requested_by=requester())
    assert len(services.of("practice")) == 3


async def test_a_statement_of_version_1_is_no_conformance(gpconnect: GpConnect, services: World):
    services.practice = answer({"resourceType": "CapabilityStatement"}, content_type=MEDIA_TYPE)
    with pytest.raises(ResponseInvalid):
        await gpconnect.conformance(PRACTICE, requested_by=requester())
