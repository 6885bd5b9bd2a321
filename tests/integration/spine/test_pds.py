import asyncio
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.errors import FailureCode, Refused, RequestFailed, Unavailable
from bridge.gpconnect import GpConnect
from bridge.spine import Spine
from bridge.spine.limiter import RateLimiter
from bridge.spine.oauth import AccessTokens
from bridge.spine.pds import Pds
from tests.integration.spine import world as worlds
from tests.integration.spine.world import NHS_NUMBER, World, gp, outcome, patient, pds_patient, requester
from tests.support.http_server import Request, answer


def day(days: int) -> str:
    """So many days from today, as it is when that is asked: a run may go on past midnight."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def failure(spine: Spine, nhs_number: str = NHS_NUMBER) -> RequestFailed:
    with pytest.raises(RequestFailed) as failed:
        await spine.pds.trace(nhs_number, organisation="RXX")
    assert failed.value.stage == "pds"
    assert nhs_number not in str(failed.value)
    return failed.value


@pytest.mark.duty("SP-001", "SP-002", "CS-002", "CS-005", "SP-004", "SP-041")
async def test_a_trace_gives_the_person_and_their_practice(spine: Spine, world: World):
    traced = await spine.pds.trace(NHS_NUMBER, organisation="RXX")

    assert (traced.nhs_number, traced.superseded) == (NHS_NUMBER, None)
    assert (traced.family_name, traced.given_names) == ("O'Brien", ("Siân", "Mary"))
    assert (traced.birth_date, traced.gender, traced.practice_ods) == ("1948-03-17", "female", "A82038")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", traced.traced_at)
    (request,) = world.of("pds")
    assert (request.method, request.target) == ("GET", f"/pds/Patient/{NHS_NUMBER}")
    assert request.headers["accept"] == "application/fhir+json"
    assert request.headers["authorization"] == "Bearer token-1"


@pytest.mark.duty("CS-003", "SP-003")
async def test_every_trace_asks_anew_with_an_id_of_its_own(spine: Spine, world: World):
    for _ in range(3):
        await spine.pds.trace(NHS_NUMBER, organisation="RXX")

    ids = [request.headers["x-request-id"] for request in world.of("pds")]
    assert len({uuid.UUID(request_id) for request_id in ids}) == 3


@pytest.mark.duty("PD-001")
async def test_pds_is_told_for_which_organisation_it_is_asked(gpconnect: GpConnect, world: World):
    for ods in ("RXX", "RYY"):
        await gpconnect.trace(patient(), requested_by=requester(ods))

    asked = [request.headers["nhsd-end-user-organisation-ods"] for request in world.of("pds")]
    assert asked == ["RXX", "RYY"]


async def test_what_is_sent_again_has_the_id_it_had(spine: Spine, world: World):
    """Within one try, when a token was refused, and in the next tries of the same request."""
    replies = iter(
        (answer(outcome("ACCESS_DENIED"), status=401), answer(b"", status=503), answer(pds_patient()))
    )
    world.pds = lambda _: next(replies, answer(pds_patient()))
    with pytest.raises(Unavailable):
        await spine.pds.trace(NHS_NUMBER, organisation="RXX", request_key="/epr r-1")
    for key in ("/epr r-1", "/epr r-2"):
        await spine.pds.trace(NHS_NUMBER, organisation="RXX", request_key=key)

    first, again, later, other = (request.headers["x-request-id"] for request in world.of("pds"))
    assert first == again == later != other
    assert uuid.UUID(first).version == uuid.UUID(other).version == 4


async def test_traces_keep_to_the_rate_and_token_requests_do_not_count(world: World, pds_key: Path):
    now, waits = 0.0, 0

    async def sleep(seconds: float) -> None:
        nonlocal now, waits
        now, waits = now + seconds, waits + 1

    async with worlds.upstream("pds") as upstream:
        key = load_pem_private_key(pds_key.read_bytes(), None)
        assert isinstance(key, RSAPrivateKey)
        settings = world.settings.pds
        tokens = AccessTokens(
            upstream, token_url=str(settings.token_url), client_id="app-1", key=lambda: key, key_id="test-1"
        )
        limiter = RateLimiter(2.0, clock=lambda: now, sleep=sleep)
        pds = Pds(upstream, url=str(settings.url), tokens=tokens, limiter=limiter)
        for _ in range(6):
            await pds.trace(NHS_NUMBER, organisation="RXX")

    assert (now, waits) == (2.0, 2)


@pytest.mark.duty("CS-007")
async def test_a_superseded_number_is_replaced_and_said_to_be(spine: Spine, world: World):
    world.pds = answer(pds_patient(id="9990000026"))

    traced = await spine.pds.trace(NHS_NUMBER, organisation="RXX")

    assert (traced.nhs_number, traced.superseded) == ("9990000026", NHS_NUMBER)


@pytest.mark.duty("CS-006", "SP-005", "CS-011")
@pytest.mark.parametrize("code", ["R", "V", "REDACTED", "B"])
async def test_any_label_but_unrestricted_forbids_the_call(spine: Spine, world: World, code: str):
    world.pds = answer(pds_patient(meta={"security": [{"code": code}]}, deceasedDateTime="2020-01-01"))

    refused = await failure(spine)

    assert isinstance(refused, Refused)
    assert refused.code is FailureCode.PATIENT_RESTRICTED


@pytest.mark.duty("CS-009")
@pytest.mark.parametrize(
    "sign", [{"deceasedDateTime": "2010-10-22T00:00:00+00:00"}, {"deceasedBoolean": True}]
)
async def test_a_deceased_patient_is_refused_though_a_practice_is_listed(
    spine: Spine, world: World, sign: dict[str, Any]
):
    world.pds = answer(pds_patient(**sign))

    assert (await failure(spine)).code is FailureCode.PATIENT_DECEASED


@pytest.mark.duty("CS-005")
@pytest.mark.parametrize(
    "practitioners",
    [
        pytest.param(lambda: None, id="none"),
        pytest.param(list, id="empty"),
        pytest.param(lambda: [gp("A82038", start="2020-01-01", end=day(-1))], id="ended"),
        pytest.param(lambda: [gp("A82038", start=day(1))], id="not yet"),
        pytest.param(lambda: [{"identifier": {"system": "urn:other", "value": "A82038"}}], id="no ODS code"),
    ],
)
async def test_without_a_current_registration_nobody_can_be_asked(
    spine: Spine, world: World, practitioners: Callable[[], list[dict[str, Any]] | None]
):
    world.pds = answer(pds_patient(generalPractitioner=practitioners()))

    assert (await failure(spine)).code is FailureCode.PATIENT_NOT_REGISTERED


@pytest.mark.duty("CS-005")
@pytest.mark.parametrize("ends_today", [False, True])
@pytest.mark.parametrize("current", [{"start": "2021-01-01"}, {}])
async def test_of_several_registrations_the_current_one_counts(
    spine: Spine, world: World, current: dict[str, str], ends_today: bool
):
    if ends_today:
        current = current | {"end": day(0)}
    practitioners = [gp("B82617", start="2010-01-01", end="2020-12-31"), gp("A82038", **current)]
    world.pds = answer(pds_patient(generalPractitioner=practitioners))

    assert (await spine.pds.trace(NHS_NUMBER, organisation="RXX")).practice_ods == "A82038"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        pytest.param(
            404, "RESOURCE_NOT_FOUND", FailureCode.PATIENT_NOT_FOUND, marks=pytest.mark.duty("CS-010")
        ),
        pytest.param(
            404, "INVALIDATED_RESOURCE", FailureCode.INVALID_NHS_NUMBER, marks=pytest.mark.duty("CS-008")
        ),
        pytest.param(
            400, "INVALID_RESOURCE_ID", FailureCode.INVALID_NHS_NUMBER, marks=pytest.mark.duty("CS-008")
        ),
        (400, "INVALID_VALUE", FailureCode.CONFIGURATION),
        (403, "ACCESS_DENIED", FailureCode.CONFIGURATION),
        (
            404,
            "SOMETHING_ELSE",
            FailureCode.CONFIGURATION,
        ),  # a path that is wrong says nothing of the patient
        (302, "RESOURCE_NOT_FOUND", FailureCode.CONFIGURATION),
    ],
)
async def test_refusals_keep_their_meaning(
    spine: Spine, world: World, status: int, code: str, expected: FailureCode
):
    world.pds = answer(outcome(code), status=status)

    refused = await failure(spine)

    assert isinstance(refused, Refused)
    assert refused.code is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (408, FailureCode.SPINE_ERROR),
        (429, FailureCode.RATE_LIMITED),
        (500, FailureCode.SPINE_ERROR),
        (503, FailureCode.SPINE_ERROR),
    ],
)
async def test_what_may_pass_is_retried_when_pds_says_so(
    spine: Spine, world: World, status: int, expected: FailureCode
):
    world.pds = answer(outcome("X"), status=status, headers={"Retry-After": "7"})

    failed = await failure(spine)

    assert isinstance(failed, Unavailable)
    assert (failed.code, failed.retry_after) == (expected, 7.0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"id":7}',
        b'{"id":"123"}',
        b'{"id":"9990000018","meta":7}',
        b'{"id":"9990000018","meta":{"security":[{"code":"U"}]},"generalPractitioner":[7]}',
    ],
)
async def test_an_answer_that_is_no_patient_is_a_fault_of_the_service(
    spine: Spine, world: World, body: bytes
):
    world.pds = answer(body)

    failed = await failure(spine)

    assert isinstance(failed, Unavailable)
    assert failed.detail == "not_a_patient"


@pytest.mark.duty("CS-008")
async def test_a_number_whose_check_digit_is_wrong_is_never_sent(spine: Spine, world: World):
    assert (await failure(spine, "9990000019")).code is FailureCode.INVALID_NHS_NUMBER
    assert world.seen == []


async def test_the_access_token_is_asked_for_with_a_signed_assertion(
    spine: Spine, world: World, pds_key: Path
):
    await spine.pds.trace(NHS_NUMBER, organisation="RXX")

    (request,) = world.of("token")
    form = {name: value for name, (value,) in parse_qs(request.body.decode(), strict_parsing=True).items()}
    assertion = form.pop("client_assertion")
    key = load_pem_private_key(pds_key.read_bytes(), None).public_key()
    claims = jwt.decode(assertion, key, ["RS512"], audience=world.settings.pds.token_url)  # type: ignore[arg-type] # an RSA key, as made
    assert form == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert jwt.get_unverified_header(assertion)["kid"] == "test-1"
    assert (claims["iss"], claims["sub"]) == ("app-1", "app-1")
    assert claims["exp"] - datetime.now(UTC).timestamp() <= 300
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_one_token_serves_many_traces_and_is_fetched_once(spine: Spine, world: World):
    await asyncio.gather(*(spine.pds.trace(NHS_NUMBER, organisation="RXX") for _ in range(5)))
    await spine.pds.trace(NHS_NUMBER, organisation="RXX")

    assert len(world.of("token")) == 1


async def test_a_token_near_its_end_is_not_used_any_more(spine: Spine, world: World):
    world.token = answer({"access_token": "short", "expires_in": 29})
    await spine.pds.trace(NHS_NUMBER, organisation="RXX")
    await spine.pds.trace(NHS_NUMBER, organisation="RXX")

    assert len(world.of("token")) == 2


async def test_a_refused_token_is_renewed_once(spine: Spine, world: World):
    tokens = iter(("stale", "fresh", "never asked for"))
    world.token = lambda _: answer({"access_token": next(tokens), "expires_in": 600})

    def pds(request: Request) -> bytes:
        good = request.headers["authorization"] == "Bearer fresh"
        return answer(pds_patient()) if good else answer(outcome("ACCESS_DENIED"), status=401)

    world.pds = pds
    await asyncio.gather(*(spine.pds.trace(NHS_NUMBER, organisation="RXX") for _ in range(4)))

    assert len(world.of("token")) == 2


async def test_a_token_that_is_refused_again_is_for_an_operator(spine: Spine, world: World):
    world.pds = answer(outcome("ACCESS_DENIED"), status=401)

    assert (await failure(spine)).code is FailureCode.CONFIGURATION
    assert len(world.of("pds")) == 2


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer({"error": "invalid_client"}, status=401), FailureCode.CONFIGURATION),
        (answer({"error": "invalid_request"}, status=400), FailureCode.CONFIGURATION),
        (answer(b"busy", status=503), FailureCode.SPINE_ERROR),
        (answer(b"slow down", status=429), FailureCode.RATE_LIMITED),
        (answer(b"<html>"), FailureCode.SPINE_ERROR),
        (answer({"access_token": "x"}), FailureCode.SPINE_ERROR),
    ],
)
async def test_without_a_token_pds_is_not_asked(
    spine: Spine, world: World, reply: bytes, expected: FailureCode
):
    world.token = reply

    assert (await failure(spine)).code is expected
    assert world.of("pds") == []


async def test_callers_share_the_failure_to_get_a_token(spine: Spine, world: World):
    world.token = answer(b"busy", status=503)

    results = await asyncio.gather(
        *(spine.pds.trace(NHS_NUMBER, organisation="RXX") for _ in range(5)), return_exceptions=True
    )

    assert all(isinstance(result, Unavailable) for result in results)
    assert len(world.of("token")) == 1


@pytest.mark.duty("CS-004", "SP-006")
async def test_details_and_practice_are_checked_against_the_trace(gpconnect: GpConnect):
    good = patient(birth_date="1948-03-17")

    assert (
        await gpconnect.trace(good, requested_by=requester(), practice_ods_code="A82038")
    ).practice_ods == "A82038"
    with pytest.raises(Refused) as mismatch:
        await gpconnect.trace(patient(birth_date="1950-01-01"), requested_by=requester())
    with pytest.raises(Refused) as moved:
        await gpconnect.trace(good, requested_by=requester(), practice_ods_code="B82617")

    assert mismatch.value.code is FailureCode.DEMOGRAPHICS_MISMATCH
    assert moved.value.code is FailureCode.PRACTICE_MISMATCH
