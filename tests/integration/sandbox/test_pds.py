"""PDS and its token endpoint (directories.md)."""

import time
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox import BY_NAME, SandboxOptions, running
from tests.integration.sandbox.consumer import Consumer

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def code(answer):
    (issue,) = answer.json()["issue"]
    (coding,) = issue["details"]["coding"]
    assert coding["system"] == "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
    return answer.status_code, coding["code"]


async def test_a_patient_with_practice_and_headers_echoed(consumer):
    request_id, correlation_id = str(uuid4()).upper(), str(uuid4())
    answer = await consumer.pds(NUMBER, x_request_id=request_id, x_correlation_id=correlation_id)
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] == request_id
    assert answer.headers["x-correlation-id"] == correlation_id
    assert answer.headers["etag"] == 'W/"2"'
    patient = answer.json()
    person = BY_NAME["rich_record"].person
    assert (patient["id"], patient["birthDate"], patient["gender"]) == (
        NUMBER,
        person.birth_date,
        person.gender,
    )
    assert patient["generalPractitioner"][0]["identifier"]["value"] == "A99001"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": None}, (401, "ACCESS_DENIED")),
        ({"authorization": "Bearer bad"}, (401, "ACCESS_DENIED")),
        ({"x_request_id": None}, (400, "MISSING_VALUE")),
        ({"x_request_id": "1234"}, (400, "INVALID_VALUE")),
        ({"nhsd_end_user_organisation_ods": None}, (400, "MISSING_VALUE")),
        ({"nhsd_end_user_organisation_ods": "a b"}, (400, "INVALID_VALUE")),
    ],
)
async def test_headers_are_needed(consumer, headers, expected):
    assert code(await consumer.pds(NUMBER, **headers)) == expected


@pytest.mark.parametrize("number", ["9990000019", "999", "abcdefghij"])
async def test_a_number_that_fails_its_check_is_refused(consumer, number):
    assert code(await consumer.pds(number)) == (400, "INVALID_RESOURCE_ID")


@pytest.mark.parametrize("number", ["9990001200", BY_NAME["not_on_pds"].nhs_number])
async def test_an_unknown_number_is_not_found(consumer, number):
    assert code(await consumer.pds(number)) == (404, "RESOURCE_NOT_FOUND")


async def test_the_distinct_answers_of_a_trace(consumer):
    async def trace(name):
        return await consumer.pds(BY_NAME[name].nhs_number)

    assert code(await trace("invalidated")) == (404, "INVALIDATED_RESOURCE")
    assert (await trace("superseded")).json()["id"] == BY_NAME["superseded"].now
    restricted = (await trace("restricted")).json()
    assert restricted["meta"]["security"][0]["code"] == "R"
    assert not {"generalPractitioner", "address", "telecom"} & restricted.keys()
    assert "deceasedDateTime" in (await trace("deceased")).json()
    ended = (await trace("ended_registration")).json()
    assert ended["generalPractitioner"][0]["identifier"]["period"]["end"] == "2021-12-31"
    assert "generalPractitioner" not in (await trace("no_practice")).json()


async def test_a_token_is_given_for_a_sound_assertion(consumer):
    answer = await consumer.ask_token()
    assert answer.status_code == 200
    token = answer.json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", "599")
    assert token["access_token"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"key": OTHER_KEY}, 401),
        ({"algorithm": "RS256"}, 400),
        ({"headers": {"kid": "another-key"}}, 400),
        ({"iss": "somebody"}, 400),
        ({"sub": "somebody"}, 400),
        ({"aud": "https://elsewhere.example/oauth2/token"}, 400),
        ({"exp": int(time.time()) - 60}, 400),
        ({"exp": int(time.time()) + 3600}, 400),
        *(({name: ...}, 400) for name in ("iss", "sub", "aud", "exp", "jti")),
    ],
)
async def test_an_unsound_assertion_is_refused(consumer, changed, status):
    answer = await consumer.ask_token(client_assertion=consumer.assertion(**changed))
    assert answer.status_code == status
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}
    assert "access_token" not in answer.json()


async def test_an_assertion_is_good_once(consumer):
    assertion = consumer.assertion()
    assert (await consumer.ask_token(client_assertion=assertion)).status_code == 200
    assert (await consumer.ask_token(client_assertion=assertion)).status_code == 400


@pytest.mark.parametrize(
    "form", [{"grant_type": "password"}, {"client_assertion_type": "x"}, {"client_assertion": "x"}]
)
async def test_the_form_of_a_token_request_is_checked(consumer, form):
    assert (await consumer.ask_token(**form)).status_code == 400


async def test_a_revoked_token_is_refused(consumer):
    assert (await consumer.pds(NUMBER)).status_code == 200
    consumer.sandbox.revoke_tokens()
    assert code(await consumer.pds(NUMBER)) == (401, "ACCESS_DENIED")


async def test_a_token_ends_with_its_lifetime(consumer, state_dir):
    async with running(SandboxOptions(state_dir=state_dir, token_lifetime=0)) as sandbox:
        assert code(await Consumer(sandbox, consumer.http).pds(NUMBER)) == (401, "ACCESS_DENIED")


async def test_more_than_the_rate_is_turned_away(consumer, state_dir):
    async with running(SandboxOptions(state_dir=state_dir, pds_rate=1)) as sandbox:
        busy = Consumer(sandbox, consumer.http)
        assert (await busy.pds(NUMBER)).status_code == 200
        turned_away = await busy.pds(NUMBER)
        assert code(turned_away) == (429, "TOO_MANY_REQUESTS")
        assert turned_away.headers["retry-after"] == "1"


async def test_keys_are_kept_and_are_the_owner_s(consumer, state_dir):
    key_file = Path(consumer.sandbox.environment["BRIDGE_PDS_KEY_FILE"])
    assert key_file.stat().st_mode & 0o077 == 0
    before = key_file.read_bytes(), consumer.sandbox.environment["BRIDGE_PATIENT_KEY"]
    async with running(SandboxOptions(state_dir=state_dir)) as again:
        assert (key_file.read_bytes(), again.environment["BRIDGE_PATIENT_KEY"]) == before
