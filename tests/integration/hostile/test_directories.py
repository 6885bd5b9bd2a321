"""What PDS and SDS say decides where a call goes and what its headers are: none of it is taken on trust."""

from pathlib import Path
from typing import Any

import pytest

from bridge.errors import FailureCode, Refused, RequestFailed, ResponseInvalid
from bridge.gpconnect import GpConnect
from bridge.settings import SpineSettings
from tests.integration.spine import world as worlds
from tests.integration.spine.practice_calls import ask, failure
from tests.integration.spine.world import ODS, World, device, endpoint, gp, patient, pds_patient, searchset
from tests.support.http_server import answer

MALFORMED = "service_root_malformed"
NOT_ALLOWED = "service_root_host_not_allowed"
INSIDE = [
    ("https://169.254.169.254/latest/meta-data", NOT_ALLOWED),
    ("http://169.254.169.254/latest/meta-data", NOT_ALLOWED),
    ("https://localhost/", NOT_ALLOWED),
    ("https://127.1/", NOT_ALLOWED),
    ("https://2130706433/", NOT_ALLOWED),
    ("https://0x7f000001/", NOT_ALLOWED),
    ("https://0177.0.0.1/", NOT_ALLOWED),
    ("https://10.0.0.1:8080/", NOT_ALLOWED),
    ("https://[::1]/", MALFORMED),
    ("https://[::ffff:169.254.169.254]/", MALFORMED),
    ("https://[fe80::1%25eth0]/", MALFORMED),
    ("https://nhs.uk@169.254.169.254/", MALFORMED),
    ("https://gp.example.nhs.uk:443@169.254.169.254/", MALFORMED),
    ("https://gp.example.nhs.uk%2f@169.254.169.254/", MALFORMED),
    ("https://169.254.169.254#gp.example.nhs.uk/", MALFORMED),
    ("https://169.254.169.254?gp.example.nhs.uk/", MALFORMED),
    ("https://169.254.169.254\\.nhs.uk/", MALFORMED),
    ("https://evilnhs.uk/", NOT_ALLOWED),
    ("https://nhs.uk.evil.example/", NOT_ALLOWED),
    ("https://gp.example.nhs.uk./", NOT_ALLOWED),
    ("https://gp.example.nhs.u\u212a/", MALFORMED),
    ("https://gp\uff0eexample\uff0enhs\uff0euk/", MALFORMED),
    ("https://gp.example.nhs.uk:99999999/", MALFORMED),
    ("https://gp.example.nhs.uk:/", MALFORMED),
    ("https:///gp.example.nhs.uk/", MALFORMED),
    ("https:gp.example.nhs.uk/", MALFORMED),
    ("//gp.example.nhs.uk/", MALFORMED),
    (" https://gp.example.nhs.uk/", MALFORMED),
    ("https://gp.example.nhs.uk/\n", MALFORMED),
    ("https://gp.example.nhs.uk/\u2028", MALFORMED),
    ("https://gp.example.nhs.uk/\x00", MALFORMED),
    ("gopher://gp.example.nhs.uk/", MALFORMED),
    ("javascript:alert(1)", MALFORMED),
]


@pytest.mark.duty("SP-055")
@pytest.mark.parametrize(("address", "detail"), INSIDE)
async def test_no_address_leads_inside_the_network(pds_key: Path, address: str, detail: str) -> None:
    async with worlds.world(pds_key, spine=SpineSettings(allowed_hosts=("*.nhs.uk",))) as world:
        world.endpoints = searchset(endpoint(address))
        async with worlds.client(world) as gpconnect:
            refused = await failure(gpconnect)
        assert (refused.code, refused.detail) == (FailureCode.CONFIGURATION, detail)
        assert world.of("practice") == []


@pytest.mark.parametrize(
    "odd",
    [
        endpoint() | {"address": ["https://gp.example.nhs.uk/"]},
        endpoint() | {"address": {"value": "https://gp.example.nhs.uk/"}},
        endpoint() | {"address": 7},
        endpoint() | {"identifier": None},
        endpoint() | {"identifier": [7, None, {"system": "https://fhir.nhs.uk/Id/nhsMhsPartyKey"}]},
        endpoint(party_key="x" * 1_000_000),
    ],
)
async def test_an_endpoint_of_odd_types_is_none(
    gpconnect: GpConnect, world: World, odd: dict[str, Any]
) -> None:
    world.endpoints = searchset(odd)
    assert (await failure(gpconnect)).detail in {"endpoint_without_party_key", "endpoint_without_address"}


@pytest.mark.duty("SP-033")
@pytest.mark.parametrize(
    "asid",
    ["1\r\nSsp-From: 2", "1\n", "1\x00", "\u0661" * 12, "1 2", "", "1" * 5000, 918999198738, ["1"], None, {}],
)
async def test_an_asid_that_cannot_be_a_header_is_none(gpconnect: GpConnect, world: World, asid: Any) -> None:
    world.devices = searchset(device(asid))
    assert (await failure(gpconnect)).detail == "device_not_found"
    assert world.of("practice") == []


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "changes",
    [
        {"name": [{"use": "usual", "family": 7}]},
        {"name": [{"use": "usual", "family": None}]},
        {"name": [{"use": "usual", "given": [7]}]},
        {"birthDate": 1948},
        {"gender": ["female"]},
        {"generalPractitioner": [{"identifier": {"system": ODS, "value": nested(200), "period": {}}}]},
        {"generalPractitioner": {"identifier": 7}},
        {"meta": {"security": "U"}},
    ],
)
async def test_a_patient_of_odd_types_is_none(
    gpconnect: GpConnect, world: World, changes: dict[str, Any]
) -> None:
    world.pds = answer(pds_patient(**changes))
    with pytest.raises(RequestFailed) as failed:
        await gpconnect.trace(
            patient(family_name="O'Brien", given_name="Sian"), requested_by=worlds.requester()
        )
    assert (failed.value.code, failed.value.detail) == (FailureCode.SPINE_ERROR, "not_a_patient")


async def test_a_name_of_many_accents_is_compared_by_its_beginning(
    gpconnect: GpConnect, world: World
) -> None:
    accents = "".join(chr(0x300 + n % 2 * 0x15) for n in range(400_000))
    world.pds = answer(pds_patient(name=[{"use": "usual", "family": "X" + accents}]))
    with pytest.raises(Refused) as refused:
        await gpconnect.trace(patient(family_name="O'Brien"), requested_by=worlds.requester())
    assert refused.value.code is FailureCode.DEMOGRAPHICS_MISMATCH


@pytest.mark.parametrize(
    "ods", ["*", "A82*", "A82)(x", "A82|B", "a82038", "A82038\r\nX: 1", "\u0663" * 5, "A" * 5000]
)
async def test_a_practice_that_is_no_ods_code_is_never_looked_up(
    gpconnect: GpConnect, world: World, ods: str
) -> None:
    world.pds = answer(pds_patient(generalPractitioner=[gp(ods)]))
    traced = await gpconnect.trace(patient(), requested_by=worlds.requester())
    with pytest.raises(Refused) as refused:
        await gpconnect.structured_record(traced, wanted=worlds.WANTED, requested_by=worlds.requester())
    assert refused.value.detail == "ods_code_malformed"
    assert world.of("practice") == []


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/", "https://localhost/", "//evil.example", "\\\\evil"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_nowhere(
    gpconnect: GpConnect, world: World, status: int, location: str
) -> None:
    world.practice = answer(status=status, headers={"Location": location})
    failed = await failure(gpconnect)
    assert isinstance(failed, ResponseInvalid)
    assert failed.detail == f"http={status}"
    assert len(world.of("practice")) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        (b"<!DOCTYPE html><html>9990000018</html>", "text/html", "content_type"),
        (b"<!DOCTYPE html><html>9990000018</html>", "application/fhir+json", "not_json"),
        (b"\xef\xbb\xbf{}", "application/fhir+json", "not_a_bundle"),
        (b"[" * 100_000, "application/fhir+json", "not_json"),
        (b'{"resourceType":"Bundle","entry":[', "application/fhir+json", "not_json"),
        (b"null", "application/fhir+json", "not_a_bundle"),
        (b'{"resourceType":["Bundle"]}', "application/fhir+json", "not_a_bundle"),
        (b'{"resourceType":"Bundle","entry":{}}', "application/fhir+json", "bundle_without_entries"),
    ],
)
async def test_what_is_no_record_is_refused_by_its_hash(
    gpconnect: GpConnect, world: World, body: bytes, content_type: str, detail: str
) -> None:
    world.practice = answer(body, content_type=content_type)
    with pytest.raises(ResponseInvalid) as invalid:
        (await ask(gpconnect)).bundle()
    assert invalid.value.detail == detail
    assert invalid.value.body_sha256 is not None
    assert "999" not in str(invalid.value)
