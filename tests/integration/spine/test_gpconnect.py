import asyncio
import gzip
import hashlib
import logging
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from bridge.errors import FailureCode, Misconfigured, Refused, RequestFailed, ResponseInvalid, Unavailable
from bridge.gpconnect import GpConnect
from bridge.gpconnect.structured import StructuredAnswer
from bridge.settings import SpineSettings, SspSettings
from bridge.spine import Spine, interactions
from bridge.spine.bulkhead import Circuit, Policy, PracticeBulkheads
from bridge.spine.interactions import (
    FOUNDATIONS_METADATA,
    STRUCTURED_METADATA,
    STRUCTURED_RECORD,
    Interaction,
)
from bridge.spine.pds import TracedPatient
from bridge.spine.proxy import Proxy, Sender
from tests.integration.spine import world as worlds
from tests.integration.spine.world import (
    ASID,
    NHS_NUMBER,
    OWN_ASID,
    PRACTICE,
    ROOT,
    WANTED,
    World,
    claims,
    device,
    endpoint,
    outcome,
    patient,
    pds_patient,
    query,
    requester,
    searchset,
)
from tests.support.http_server import HttpServer, Request, always, answer

SSP_SYSTEM = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0"
V1_SYSTEM = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"

TRACED = TracedPatient(
    nhs_number=NHS_NUMBER,
    superseded=None,
    family_name="O'Brien",
    given_names=("Siân",),
    birth_date="1948-03-17",
    gender="female",
    practice_ods=PRACTICE,
    traced_at="2026-11-22T09:00:00.000Z",
)


async def ask(gpconnect: GpConnect, **options: Any) -> StructuredAnswer:
    given: dict[str, Any] = {"wanted": WANTED, "requested_by": requester(), **options}
    return await gpconnect.structured_record(TRACED, **given)


async def failure(gpconnect: GpConnect, **options: Any) -> RequestFailed:
    with pytest.raises(RequestFailed) as failed:
        await ask(gpconnect, **options)
    assert NHS_NUMBER not in str(failed.value)
    return failed.value


def ssp_outcome(status: int, text: str) -> bytes:
    coding = {"system": SSP_SYSTEM, "code": str(status), "display": text}
    issue = {"severity": "error", "details": {"coding": [coding]}}
    return answer({"resourceType": "OperationOutcome", "issue": [issue]}, status=status)


@pytest.mark.duty(
    "SP-002", "SP-004", "SP-016", "SP-030", "SP-039", "SP-042", "CS-001", "CS-002", "CS-005", "CS-027"
)
async def test_patient_endpoint_system_and_then_the_call(gpconnect: GpConnect, world: World):
    traced = await gpconnect.trace(patient(), requested_by=requester())
    got = await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())

    assert world.seen == ["token", "pds", "sds.own", "sds.endpoint", "sds.device", "practice"]
    assert got.bundle() == {"resourceType": "Bundle", "entry": []}
    assert got.practice_ods == PRACTICE
    assert got.body_sha256 == hashlib.sha256(got.body).hexdigest()


@pytest.mark.duty("CS-007")
async def test_the_current_number_is_the_one_that_is_sent(gpconnect: GpConnect, world: World):
    world.pds = answer(pds_patient(id="9990000026"))
    traced = await gpconnect.trace(patient(), requested_by=requester())
    await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())

    (request,) = world.of("practice")
    assert b"9990000026" in request.body
    assert NHS_NUMBER.encode() not in request.body


@pytest.mark.duty("SP-030", "SP-031", "SP-034", "SP-035")
@pytest.mark.parametrize(
    ("address", "target"),
    [
        (ROOT, f"/{ROOT}/Patient/$gpc.getstructuredrecord"),
        (ROOT + "/", f"/{ROOT}/Patient/$gpc.getstructuredrecord"),
        (
            "https://GP.example.NHS.uk:443/a//B/../%7e/c%2Fd",
            "/https://GP.example.NHS.uk:443/a//B/../%7e/c%2Fd/Patient/$gpc.getstructuredrecord",
        ),
    ],
)
async def test_the_address_is_on_the_wire_byte_for_byte(
    gpconnect: GpConnect, world: World, address: str, target: str
):
    world.endpoints = searchset(endpoint(address))
    await ask(gpconnect)

    (request,) = world.of("practice")
    assert request.target == target
    assert claims(request)["aud"] == address


@pytest.mark.duty(
    "SP-032",
    "SP-033",
    "SP-060",
    "SP-066",
    "SP-091",
    "SP-092",
    "SP-100",
    "CS-016",
    "CS-019",
    "CS-031",
    "JO-031",
)
async def test_the_headers_of_a_call(gpconnect: GpConnect, world: World):
    got = await ask(gpconnect)

    (request,) = world.of("practice")
    headers = dict(request.headers)
    assert request.method == "POST"
    assert headers.pop("authorization").startswith("Bearer ey")
    assert headers.pop("authorization", None) is None
    assert uuid.UUID(headers.pop("ssp-traceid")) == uuid.UUID(got.trace_id)
    assert headers == {
        "host": f"localhost:{world.server.port}",
        "accept": "application/fhir+json;charset=utf-8",
        "accept-encoding": "gzip",
        "content-type": "application/fhir+json;charset=utf-8",
        "content-length": str(len(request.body)),
        "ssp-from": OWN_ASID,
        "ssp-to": ASID,
        "ssp-interactionid": STRUCTURED_RECORD.id,
    }


@pytest.mark.duty("SP-032", "SP-061")
async def test_every_attempt_has_its_own_trace_id_and_its_own_token(spine: Spine, world: World):
    practice = await spine.sds.practice(PRACTICE, STRUCTURED_RECORD)
    ticks = iter((1_800_000_000.9, 1_800_000_007.1))
    async with worlds.upstream("ssp") as upstream:
        proxy = Proxy(
            upstream,
            issuer=worlds.ISSUER,
            url=world.server.url,
            allowed_hosts=("gp.example.nhs.uk",),
            plain_http=False,
            bulkheads=PracticeBulkheads(Policy(failures=5, pause=30)),
            clock=lambda: next(ticks),
        )
        first, second = [
            await proxy.call(practice, STRUCTURED_RECORD, sender=Sender(OWN_ASID, requester()))
            for _ in range(2)
        ]

    assert first.trace_id != second.trace_id
    assert [claims(request)["iat"] for request in world.of("practice")] == [1_800_000_000, 1_800_000_007]


@pytest.mark.duty("SP-033", "CS-016")
async def test_two_hospitals_on_one_installation_ask_as_themselves(gpconnect: GpConnect, world: World):
    world.own_devices = lambda request: searchset(device("111" if "RXX" in request.target else "222"))
    for ods in ("RXX", "RYY"):
        await ask(gpconnect, requested_by=requester(ods))

    assert [
        (request.headers["ssp-from"], claims(request)["requesting_organization"]["identifier"][0]["value"])
        for request in world.of("practice")
    ] == [("111", "RXX"), ("222", "RYY")]


@pytest.mark.duty("SP-033")
async def test_an_organisation_that_is_not_configured_is_refused(gpconnect: GpConnect, world: World):
    stranger = requester("RZZ")

    refused = await failure(gpconnect, requested_by=stranger)

    assert (refused.code, refused.detail) == (FailureCode.CONFIGURATION, "organisation_not_configured")
    assert world.seen == []


@pytest.mark.duty("SP-055")
@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("https://evil.example/A82038", "service_root_host_not_allowed"),
        ("https://gp.example.nhs.uk.evil.example/", "service_root_host_not_allowed"),
        ("https://127.0.0.1/A82038", "service_root_host_not_allowed"),
        ("https://gp.example.nhs.uk@evil.example/", "service_root_malformed"),
        ("https://gp.example.nhs.uk\\@evil.example/", "service_root_malformed"),
        ("https://gp.example.nhs.uk/a b", "service_root_malformed"),
        ("https://gp.example.nhs.uk/a\r\nX-Evil: 1", "service_root_malformed"),
        ("https://gp.example.nhs.uk/?x=", "service_root_malformed"),
        ("https://gp.example.nhs.uk/#", "service_root_malformed"),
        ("file:///etc/hosts", "service_root_malformed"),
        ("gp.example.nhs.uk/A82038", "service_root_malformed"),
    ],
)
async def test_an_address_that_could_lead_elsewhere_is_not_called(
    gpconnect: GpConnect, world: World, address: str, detail: str
):
    world.endpoints = searchset(endpoint(address))

    refused = await failure(gpconnect)

    assert (refused.code, refused.detail) == (FailureCode.CONFIGURATION, detail)
    assert world.of("practice") == []


@pytest.mark.parametrize(
    ("pattern", "host", "allowed"),
    [
        ("*.nhs.uk", "gp.example.nhs.uk", True),
        ("GP.Example.nhs.uk", "gp.example.NHS.uk", True),
        ("*.nhs.uk", "nhs.uk", False),
        ("*.nhs.uk", "evilnhs.uk", False),
        ("nhs.uk", "gp.nhs.uk", False),
    ],
)
async def test_allowed_hosts_may_be_whole_domains(pds_key: Path, pattern: str, host: str, allowed: bool):
    async with worlds.world(pds_key, spine=SpineSettings(allowed_hosts=(pattern,))) as world:
        world.endpoints = searchset(endpoint(f"https://{host}/A82038"))
        async with worlds.client(world) as gpconnect:
            if allowed:
                await ask(gpconnect)
            else:
                assert (await failure(gpconnect)).detail == "service_root_host_not_allowed"


@pytest.mark.duty("SP-055", "SP-039")
async def test_outside_the_sandbox_an_address_must_be_https(pds_key: Path):
    async with worlds.world(pds_key, sandbox=False) as world, worlds.client(world) as gpconnect:
        world.endpoints = searchset(endpoint(ROOT.replace("https", "http")))

        assert (await failure(gpconnect)).detail == "service_root_not_https"


async def test_without_a_proxy_the_practice_is_called_at_its_own_address(pds_key: Path):
    spine = SpineSettings(allowed_hosts=("localhost",))
    async with (
        HttpServer(always(answer({"resourceType": "Bundle", "entry": []}))) as practice,
        worlds.world(pds_key, ssp=SspSettings(url=None), spine=spine) as world,
        worlds.client(world) as gpconnect,
    ):
        world.endpoints = searchset(endpoint(f"{practice.url}/A82038/fhir/"))
        await ask(gpconnect)

        assert practice.requests[0].target == "/A82038/fhir/Patient/$gpc.getstructuredrecord"


async def test_a_proxy_may_have_a_path(pds_key: Path):
    async with worlds.world(pds_key) as world:
        world.settings = worlds.settings_for(
            world.server.url, pds_key, ssp=SspSettings(url=f"{world.server.url}/spine/")
        )
        async with worlds.client(world) as gpconnect:
            await ask(gpconnect)

        assert world.of("practice")[0].target == f"/spine/{ROOT}/Patient/$gpc.getstructuredrecord"


@pytest.mark.parametrize(
    "text", ["ENDPOINT_a_CPAID_b_VARIES_FROM_TARGETURL_c", "PARTYKEY_INTERACTION_CHECK_FAILED_x"]
)
async def test_a_stale_directory_answer_is_looked_up_once_more(gpconnect: GpConnect, world: World, text: str):
    moved = "https://gp.example.nhs.uk/new"
    roots = iter((ROOT, moved))
    world.endpoints = lambda _: searchset(endpoint(next(roots)))

    def proxy(request: Request) -> bytes:
        known = moved in request.target
        return answer({"resourceType": "Bundle", "entry": []}) if known else ssp_outcome(400, text)

    world.practice = proxy
    got = await ask(gpconnect, encounter_id="e-1")

    first, second = world.of("practice")
    assert second.headers["ssp-traceid"] == got.trace_id != first.headers["ssp-traceid"]
    assert claims(second)["aud"] == moved


async def test_a_directory_that_stays_stale_is_for_an_operator(gpconnect: GpConnect, world: World):
    world.practice = ssp_outcome(400, "ENDPOINT_a_CPAID_b_VARIES_FROM_TARGETURL_c")

    refused = await failure(gpconnect)

    assert (refused.code, refused.stage) == (FailureCode.CONFIGURATION, "spine")
    assert len(world.of("practice")) == 2


@pytest.mark.duty("SP-015")
async def test_an_encounter_belongs_to_one_user_and_one_patient(gpconnect: GpConnect, world: World):
    for _ in range(2):
        await ask(gpconnect, encounter_id="e-1")
    assert len(world.of("sds.endpoint")) == 1
    await ask(gpconnect, encounter_id="e-1", requested_by=requester(user_id="u-2"))
    assert len(world.of("sds.endpoint")) == 2
    await ask(gpconnect)
    assert len(world.of("sds.endpoint")) == 3


@pytest.mark.duty("SP-092", "CS-031", "SP-090", "SP-091")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+json",
        "application/fhir+json;charset=UTF-8",
        "application/fhir+json; charset=utf-8",
        'Application/FHIR+JSON ;charset="utf-8"',
        "application/json+fhir; charset=utf-8",
    ],
)
async def test_the_media_types_that_are_out_there_are_read(
    gpconnect: GpConnect, world: World, content_type: str
):
    bundle = {"resourceType": "Bundle", "entry": [], "unknown": "é€", "extension": [{"url": "x"}]}
    body = gzip.compress(orjson.dumps(bundle))
    world.practice = answer(body, content_type=content_type, headers={"Content-Encoding": "gzip"})

    assert (await ask(gpconnect)).bundle() == bundle


@pytest.mark.duty("SP-038")
@pytest.mark.parametrize("content_type", ["text/html", "application/fhir+xml", None])
async def test_other_media_types_cannot_be_a_record(
    gpconnect: GpConnect, world: World, content_type: str | None
):
    world.practice = answer(b"<html>Sign in</html>", content_type=content_type)

    invalid = await failure(gpconnect)

    assert isinstance(invalid, ResponseInvalid)
    assert invalid.detail == "content_type"
    assert invalid.body_sha256 == hashlib.sha256(b"<html>Sign in</html>").hexdigest()


@pytest.mark.duty("SP-036")
async def test_refusals_and_outages_of_a_practice_come_through(gpconnect: GpConnect, world: World):
    world.practice = answer(outcome("NO_PATIENT_CONSENT", system=V1_SYSTEM), status=403)
    refused = await failure(gpconnect)
    world.practice = answer(b"<html>", status=503, headers={"Retry-After": "30"})
    down = await failure(gpconnect)

    assert (refused.code, refused.retryable) == (FailureCode.SHARING_REFUSED, False)
    assert isinstance(down, Unavailable)
    assert (down.code, down.retry_after) == (FailureCode.PROVIDER_ERROR, 30.0)
    assert len(world.of("practice")) == 2  # retries are the engine's, not hidden in here


async def test_a_record_over_the_limit_is_refused(pds_key: Path):
    spine = SpineSettings(allowed_hosts=("gp.example.nhs.uk",), max_response_bytes=100_000)
    async with worlds.world(pds_key, spine=spine) as world, worlds.client(world) as gpconnect:
        world.practice = answer(b"x" * 100_001)

        invalid = await failure(gpconnect)

    assert isinstance(invalid, ResponseInvalid)
    assert (invalid.detail, invalid.body_sha256) == ("too_large", hashlib.sha256(b"x" * 100_000).hexdigest())


@pytest.mark.duty("SP-040", "CS-032", "DO-019", "DO-020", "DO-021")
def test_no_interaction_migrates_a_record_or_a_document():
    known = [each for each in vars(interactions).values() if isinstance(each, Interaction)]

    assert len(known) > 20
    assert {interaction.method for interaction in known} <= {"GET", "POST", "PUT"}
    assert not any("migrate" in interaction.id for interaction in known)
    assert not any("conf/R" in interaction.scope for interaction in known)


CAPABILITIES = {
    "resourceType": "CapabilityStatement",
    "version": "1.6.2",
    "acceptUnknown": "both",
    "rest": [{"mode": "server", "operation": [{"name": "gpc.getstructuredrecord"}]}, {"mode": "server"}],
}


@pytest.mark.duty("CS-029", "CS-030", "SP-069")
async def test_the_capability_statement_of_the_foundations_is_the_one_that_is_asked(
    gpconnect: GpConnect, world: World
):
    world.practice = answer(CAPABILITIES)
    capability = await gpconnect.capability(PRACTICE, requested_by=requester())

    assert (capability.version, capability.operations) == ("1.6.2", ("gpc.getstructuredrecord",))
    (request,) = world.of("practice")
    assert (request.method, request.target, request.body) == ("GET", f"/{ROOT}/metadata", b"")
    assert request.headers["ssp-interactionid"] == FOUNDATIONS_METADATA.id
    assert claims(request)["requested_scope"] == "organization/*.read"
    assert dict(query(world.of("sds.endpoint")[0]))["identifier"].endswith(FOUNDATIONS_METADATA.id)


@pytest.mark.duty("CS-029")
async def test_the_one_of_structured_is_asked_only_when_told_to(gpconnect: GpConnect, world: World):
    world.practice = answer(CAPABILITIES)
    await gpconnect.capability(PRACTICE, requested_by=requester(), structured_specific=True)

    assert world.of("practice")[0].headers["ssp-interactionid"] == STRUCTURED_METADATA.id


@pytest.mark.parametrize("body", [b"{}", b"[]", b"", b'{"resourceType":"CapabilityStatement","rest":[7]}'])
async def test_a_capability_statement_that_is_none(gpconnect: GpConnect, world: World, body: bytes):
    world.practice = answer(body)
    with pytest.raises(ResponseInvalid, match="not_a_capability_statement"):
        await gpconnect.capability(PRACTICE, requested_by=requester())


async def test_nothing_about_the_patient_is_in_any_log(
    gpconnect: GpConnect, world: World, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    world.practice = answer(outcome(f"Patient {NHS_NUMBER} O'Brien", system=V1_SYSTEM), status=404)
    with structlog.testing.capture_logs() as lines:
        await gpconnect.trace(patient(), requested_by=requester())
        await failure(gpconnect)

    assert {line["upstream"] for line in lines if line["event"] == "upstream_call"} == {"pds", "sds", "ssp"}
    text = f"{lines}{caplog.text}"
    assert not any(secret in text for secret in (NHS_NUMBER, "Brien", "token-1", "sds-key", "ey"))


async def test_many_requests_are_in_flight_at_once(gpconnect: GpConnect, world: World):
    arrived = asyncio.Event()
    waiting = 0

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        if request.target.startswith("/https:"):
            waiting += 1
            if waiting == 40:
                arrived.set()
            await arrived.wait()
        await world.handle(request, writer)

    world.server._handler = handle
    answers = await asyncio.gather(*(ask(gpconnect) for _ in range(40)))

    assert len({got.trace_id for got in answers}) == 40


@pytest.mark.parametrize(
    ("group", "name", "variable"),
    [
        ("pds", "url", "BRIDGE_PDS_URL"),
        ("pds", "key_file", "BRIDGE_PDS_KEY_FILE"),
        ("sds", "api_key", "BRIDGE_SDS_API_KEY"),
        ("consumer", "device_id", "BRIDGE_CONSUMER_DEVICE_ID"),
    ],
)
async def test_a_setting_that_is_missing_is_named(world: World, group: str, name: str, variable: str):
    section = getattr(world.settings, group).model_copy(update={name: None})
    with pytest.raises(Misconfigured, match=variable):
        async with Spine.open(world.settings.model_copy(update={group: section})):
            pass


async def test_a_key_that_is_no_key_is_named(world: World, tmp_path: Path):
    (tmp_path / "key.pem").write_text("not a key")
    pds = world.settings.pds.model_copy(update={"key_file": tmp_path / "key.pem"})
    with pytest.raises(Misconfigured, match="BRIDGE_PDS_KEY_FILE"):
        async with Spine.open(world.settings.model_copy(update={"pds": pds})):
            pass


def test_refusals_are_not_retried_by_class():
    assert (Refused.retryable, ResponseInvalid.retryable, Unavailable.retryable) == (False, False, True)


async def test_a_token_too_long_for_a_header_is_never_sent_and_no_fault_of_the_proxy(world: World):
    consumer = world.settings.consumer.model_copy(
        update={"identifier_system": "https://x.example/" + "y" * 3000}
    )
    async with Spine.open(world.settings.model_copy(update={"consumer": consumer})) as spine:
        gpconnect = GpConnect(spine)
        traced = await gpconnect.trace(patient(), requested_by=requester())
        for _ in range(10):
            with pytest.raises(Refused, match="token_too_long"):
                await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())

        assert {facts.circuit for facts in spine.bulkheads()} == {Circuit.CLOSED}
