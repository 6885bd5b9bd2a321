"""Exchanges recorded from services that this project did not write, replayed over real HTTP."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from bridge.errors import FailureCode, Refused, RequestFailed
from bridge.gpconnect import GpConnect
from bridge.record.nhs_number import is_valid_nhs_number
from bridge.spine import Spine
from bridge.spine.interactions import STRUCTURED_RECORD, Interaction
from tests.integration.spine import world as worlds
from tests.integration.spine.world import NHS_NUMBER, WANTED, World, patient, requester
from tests.support.http_server import Request, answer

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded exchanges are not here")


def sample(name: str) -> Any:
    return orjson.loads((SAMPLES / f"{name}.json").read_bytes())


def reply(name: str) -> bytes:
    """The recorded answer; some files hold its body alone."""
    recorded = sample(name)
    response = recorded.get("response", {"status": 200, "body": recorded})
    content_type = response.get("headers", {}).get("content-type", "application/fhir+json")
    return answer(response["body"], status=response["status"], content_type=content_type)


async def trace_failure(spine: Spine, world: World, name: str) -> RequestFailed:
    world.pds = reply(name)
    recorded = urlsplit(sample(name)["request"]["url"]).path.rpartition("/")[2]
    with pytest.raises(RequestFailed) as failed:
        await spine.pds.trace(recorded if is_valid_nhs_number(recorded) else NHS_NUMBER, organisation="RXX")
    return failed.value


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("patient_ok", FailureCode.PATIENT_DECEASED, marks=pytest.mark.duty("CS-009")),
        pytest.param("patient_restricted", FailureCode.PATIENT_RESTRICTED, marks=pytest.mark.duty("CS-006")),
        pytest.param("patient_no_gp", FailureCode.PATIENT_NOT_REGISTERED, marks=pytest.mark.duty("CS-005")),
        pytest.param("patient_not_found", FailureCode.PATIENT_NOT_FOUND, marks=pytest.mark.duty("CS-010")),
        pytest.param("patient_bad_nhs", FailureCode.INVALID_NHS_NUMBER, marks=pytest.mark.duty("CS-008")),
        ("patient_bad_bearer", FailureCode.CONFIGURATION),
        ("patient_bad_request_id", FailureCode.CONFIGURATION),
        ("patient_no_request_id", FailureCode.CONFIGURATION),
    ],
)
async def test_pds_answers(spine: Spine, world: World, name: str, expected: FailureCode):
    failed = await trace_failure(spine, world, f"pds_sandbox__{name}")

    assert isinstance(failed, Refused)
    assert failed.code is expected


@pytest.mark.duty("SP-001", "SP-090")
async def test_a_pds_patient_alive_and_registered(spine: Spine, world: World):
    recorded = sample("pds_sandbox__patient_ok")["response"]["body"]
    del recorded["deceasedDateTime"]
    world.pds = answer(recorded)
    with pytest.raises(Refused) as ended:
        await spine.pds.trace(recorded["id"], organisation="RXX")
    del recorded["generalPractitioner"][0]["identifier"]["period"]["end"]
    world.pds = answer(recorded)
    traced = await spine.pds.trace(recorded["id"], organisation="RXX")

    assert ended.value.code is FailureCode.PATIENT_NOT_REGISTERED
    assert (traced.practice_ods, traced.superseded) == ("Y12345", None)
    assert (traced.family_name, traced.given_names) == ("Smith", ("Jane",))
    assert (traced.birth_date, traced.gender) == ("2010-10-22", "female")


def directory(world: World, name: str) -> None:
    world.endpoints = reply(f"sds_real__gpc_{name}_Endpoint")
    file = SAMPLES / f"sds_real__gpc_{name}_Device.json"
    if file.exists():
        world.devices = reply(file.stem)


@pytest.mark.duty("SP-010", "SP-011", "SP-090")
async def test_an_sds_practice(spine: Spine, world: World):
    directory(world, "Y12345")
    practice = await spine.sds.practice("Y12345", STRUCTURED_RECORD)

    assert practice.service_root == "http://practice.local/Y12345/STU3/1/gpconnect/structured/fhir/"
    assert (practice.party_key, practice.asid) == ("Y12345-820001", "200000000205")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("TWODEV", FailureCode.CONFIGURATION), ("NOENDP", FailureCode.PRACTICE_NOT_ENABLED)],
)
async def test_sds_practices_that_cannot_be_addressed(
    spine: Spine, world: World, name: str, expected: FailureCode
):
    directory(world, name)
    if name == "TWODEV":  # the service filters by the party key, which the recording was made without
        everything = sample("sds_real__gpc_TWODEV_Device")
        world.devices = lambda request: answer(_filtered(everything, request))
    with pytest.raises(Refused) as refused:
        await spine.sds.practice(name, STRUCTURED_RECORD)

    assert refused.value.code is expected


def _filtered(bundle: dict[str, Any], request: Request) -> dict[str, Any]:
    keys = [value.rpartition("|")[2] for name, value in worlds.query(request) if "nhsMhsPartyKey|" in value]
    entries = [
        entry
        for entry in bundle["entry"]
        if any(identifier["value"] in keys for identifier in entry["resource"]["identifier"])
    ]
    return bundle | {"entry": entries, "total": len(entries)}


@pytest.mark.duty("SP-018")
async def test_the_sds_record_of_the_consumer(spine: Spine, world: World):
    world.own_devices = reply("sds_real__gpc_X26_Device")

    assert await spine.sds.own_asid("RXX", STRUCTURED_RECORD) == "200000000115"


@pytest.mark.duty("SP-034")
async def test_searches_are_spelled_as_the_sds_service_took_them(spine: Spine, world: World):
    world.endpoints = reply("sds_real__endpoint_ok")
    world.devices = reply("sds_real__device_partykey_ok")
    url = sample("sds_real__endpoint_ok")["request"]["url"]
    interaction_id = parse_qsl(urlsplit(url).query)[1][1].partition("|")[2]
    practice = await spine.sds.practice("YES", Interaction(interaction_id, "GET", "", ""))

    assert (practice.party_key, practice.asid) == ("YES-0000806", "928942012545")
    assert [request.target.removeprefix("/sds") for request in world.server.requests] == [
        sample(name)["request"]["url"].removeprefix("http://sds.local")
        for name in ("sds_real__endpoint_ok", "sds_real__device_partykey_ok")
    ]


@pytest.mark.parametrize(
    ("name", "expected", "retryable"),
    [
        ("device_bad_accept", FailureCode.CONFIGURATION, False),
        ("device_bad_correlation", FailureCode.CONFIGURATION, False),
        ("device_bad_org_system", FailureCode.CONFIGURATION, False),
        ("device_illegal_param", FailureCode.CONFIGURATION, False),
        ("device_no_org", FailureCode.CONFIGURATION, False),
        ("endpoint_org_only", FailureCode.CONFIGURATION, False),
        ("path_404", FailureCode.CONFIGURATION, False),
        ("post_405", FailureCode.CONFIGURATION, False),
        ("endpoint_gpc_b82617", FailureCode.SPINE_ERROR, True),
        ("device_empty", FailureCode.PRACTICE_NOT_ENABLED, False),
    ],
)
async def test_sds_answers(spine: Spine, world: World, name: str, expected: FailureCode, retryable: bool):
    world.endpoints = reply(f"sds_real__{name}")
    with pytest.raises(RequestFailed) as failed:
        await spine.sds.practice("Y12345", STRUCTURED_RECORD)

    assert (failed.value.code, failed.value.retryable) == (expected, retryable)


@pytest.mark.duty("SP-036")
@pytest.mark.parametrize(
    ("name", "expected", "detail"),
    [
        ("bad_request", FailureCode.REQUEST_REFUSED, "http=400 code=BAD_REQUEST"),
        ("invalid_demographic", FailureCode.PATIENT_NOT_FOUND, "http=400 code=INVALID_PATIENT_DEMOGRAPHICS"),
        ("invalid_param", FailureCode.REQUEST_REFUSED, "http=422 code=INVALID_PARAMETER"),
        ("ise", FailureCode.PROVIDER_ERROR, "http=500 code=INTERNAL_SERVER_ERROR"),
        ("no_relationship", FailureCode.SHARING_REFUSED, "http=403 code=NO_RELATIONSHIP"),
        ("not_found", FailureCode.PATIENT_NOT_FOUND, "http=404 code=PATIENT_NOT_FOUND"),
    ],
)
async def test_practice_answers(spine: Spine, world: World, name: str, expected: FailureCode, detail: str):
    world.practice = reply(f"wiremock_gp__oo_{name}")
    gpconnect = GpConnect(spine)
    traced = await gpconnect.trace(patient(), requested_by=requester())
    with pytest.raises(RequestFailed) as failed:
        await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())

    assert failed.value.code is expected
    assert failed.value.detail == f"{detail} origin=provider-1.x"
