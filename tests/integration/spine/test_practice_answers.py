"""What a practice answers: of which media type, how much, and what of it is refused."""

import gzip
import hashlib
from pathlib import Path

import orjson
import pytest

from bridge.errors import FailureCode, ResponseInvalid, Unavailable
from bridge.gpconnect import GpConnect
from bridge.settings import SpineSettings
from bridge.spine.interactions import (
    FOUNDATIONS_METADATA,
    STRUCTURED_METADATA,
)
from tests.integration.spine import world as worlds
from tests.integration.spine.practice_calls import V1_SYSTEM, ask, failure
from tests.integration.spine.world import (
    PRACTICE,
    ROOT,
    World,
    claims,
    outcome,
    query,
    requester,
)
from tests.support.http_server import answer


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
