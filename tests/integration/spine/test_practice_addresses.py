"""Where a call on a practice goes: what the directory says, and what is never called."""

from pathlib import Path

import pytest

from bridge.errors import FailureCode
from bridge.gpconnect import GpConnect
from bridge.settings import SpineSettings, SspSettings
from tests.integration.spine import world as worlds
from tests.integration.spine.practice_calls import ask, failure, ssp_outcome
from tests.integration.spine.world import (
    ROOT,
    World,
    claims,
    endpoint,
    searchset,
)
from tests.support.http_server import HttpServer, Request, always, answer


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
