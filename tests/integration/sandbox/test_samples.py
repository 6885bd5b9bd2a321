"""Our directories answer in the shape that was recorded from the real ones."""

import json
from pathlib import Path

import pytest

from bridge.sandbox import BY_NAME
from tests.integration.sandbox.consumer import INTERACTION, ODS, PARTY_KEY, RECORD

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded samples are not here"),
]

ORGANISATION = ("organization", f"{ODS}|A99001")
FOR_RECORD = ("identifier", f"{INTERACTION}|{RECORD}")
CORRELATION = "11C46F5F-CDEF-4865-94B2-0EE0EDCC26DA"
NUMBER = "9990000018"


def recorded(name):
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    if "response" in sample:
        return sample["response"]["status"], sample["response"]["body"]
    return 200, sample


def paths(value, at=""):
    """Where values stand and of which kind they are; lists by what is in them."""
    if isinstance(value, dict):
        return {path for key, inner in value.items() for path in paths(inner, f"{at}.{key}")}
    if isinstance(value, list):
        return {path for inner in value for path in paths(inner, f"{at}[]")}
    return {(at, type(value).__name__)}


@pytest.mark.parametrize(
    ("name", "kind", "query"),
    [
        ("sds_real__gpc_Y12345_Endpoint", "Endpoint", (ORGANISATION, FOR_RECORD)),
        ("sds_real__gpc_Y12345_Device", "Device", (ORGANISATION, FOR_RECORD)),
        ("sds_real__gpc_TWODEV_Device", "Device", (("organization", f"{ODS}|A99005"), FOR_RECORD)),
        ("sds_real__gpc_TWODEV_Endpoint", "Endpoint", (("organization", f"{ODS}|A99005"), FOR_RECORD)),
        ("sds_real__gpc_NOENDP_Endpoint", "Endpoint", (("organization", f"{ODS}|A99006"), FOR_RECORD)),
        (
            "sds_real__gpc_X26_Device",
            "Device",
            (
                ("organization", f"{ODS}|RZZ01"),
                FOR_RECORD,
                ("manufacturing-organization", f"{ODS}|YGB01"),
            ),
        ),
        ("sds_real__device_empty", "Device", (("organization", f"{ODS}|ZZZ"), FOR_RECORD)),
    ],
)
async def test_sds_finds(consumer, name, kind, query):
    status, body = recorded(name)
    answer = await consumer.sds(kind, *query, x_correlation_id=CORRELATION)
    assert answer.status_code == status
    assert paths(answer.json()) == paths(body)
    assert answer.json()["total"] == body["total"]


@pytest.mark.parametrize(
    ("name", "kind", "query", "changed"),
    [
        ("sds_real__device_bad_accept", "Device", (ORGANISATION, FOR_RECORD), {"accept": "text/html"}),
        (
            "sds_real__device_bad_correlation",
            "Device",
            (ORGANISATION, FOR_RECORD),
            {"x_correlation_id": "abc"},
        ),
        ("sds_real__device_bad_org_system", "Device", (("organization", "YES"), FOR_RECORD), {}),
        ("sds_real__device_illegal_param", "Device", (ORGANISATION, FOR_RECORD, ("foo", "x")), {}),
        ("sds_real__device_no_org", "Device", (FOR_RECORD,), {}),
        ("sds_real__endpoint_org_only", "Endpoint", (ORGANISATION,), {}),
        ("sds_real__path_404", "Nope", (), {}),
        ("sds_real__post_405", "Device", (), {"method": "POST"}),
    ],
)
async def test_sds_refuses(consumer, name, kind, query, changed):
    status, body = recorded(name)
    answer = await consumer.sds(kind, *query, **{"x_correlation_id": CORRELATION, **changed})
    assert answer.status_code == status
    ours, theirs = answer.json(), body
    assert paths(ours) == paths(theirs)
    for one in (ours, theirs):
        del one["issue"][0]["diagnostics"], one["id"]
    assert ours == theirs


async def test_a_party_key_query_finds_what_was_recorded(consumer):
    key = ("identifier", f"{PARTY_KEY}|A99001-001001")
    answer = await consumer.sds("Device", ORGANISATION, FOR_RECORD, key)
    assert paths(answer.json()) == paths(recorded("sds_real__device_partykey_ok")[1])


@pytest.mark.parametrize(
    ("name", "number", "headers"),
    [
        ("patient_bad_bearer", NUMBER, {"authorization": "Bearer bad"}),
        ("patient_bad_nhs", "9990000019", {}),
        ("patient_no_request_id", NUMBER, {"x_request_id": None}),
        ("patient_bad_request_id", NUMBER, {"x_request_id": "1234"}),
        ("patient_not_found", "9990001200", {}),
    ],
)
async def test_pds_refuses(consumer, name, number, headers):
    status, body = recorded(f"pds_sandbox__{name}")
    answer = await consumer.pds(number, **headers)
    assert answer.status_code == status
    ours = answer.json()
    for one in (ours, body):
        one["issue"][0].pop("diagnostics", None)
    assert ours == body


@pytest.mark.parametrize(
    ("name", "scenario"), [("patient_ok", "deceased"), ("patient_restricted", "restricted")]
)
async def test_pds_patients_hold_nothing_that_was_not_recorded(consumer, name, scenario):
    _, body = recorded(f"pds_sandbox__{name}")
    ours = paths((await consumer.pds(BY_NAME[scenario].nhs_number)).json())
    assert ours <= paths(body)


@pytest.mark.parametrize(
    ("name", "scenario"),
    [("not_found", "not_at_practice"), ("invalid_param", "request_refused"), ("ise", "always_fails")],
)
async def test_a_practice_errs_in_the_recorded_shape(consumer, name, scenario):
    status, body = recorded(f"wiremock_gp__oo_{name}")
    answer = await consumer.record(BY_NAME[scenario].nhs_number)
    assert answer.status_code == status
    assert paths(body) <= paths(answer.json())  # some of them leave diagnostics out
    coding = [one["issue"][0]["details"]["coding"][0]["code"] for one in (answer.json(), body)]
    assert coding[0] == coding[1]
