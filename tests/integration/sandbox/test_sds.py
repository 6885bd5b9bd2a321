"""SDS by its FHIR API (directories.md)."""

import pytest

from tests.integration.sandbox.consumer import INTERACTION, ODS, PARTY_KEY, RECORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORGANISATION = ("organization", f"{ODS}|A99001")
FOR_RECORD = ("identifier", f"{INTERACTION}|{RECORD}")
KEY = ("identifier", f"{PARTY_KEY}|A99001-001001")
CORRELATION = "11C46F5F-CDEF-4865-94B2-0EE0EDCC26DA"


def found(answer):
    bundle = answer.json()
    assert answer.status_code == 200, answer.text
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    assert bundle["total"] == len(bundle["entry"])
    return [entry["resource"] for entry in bundle["entry"]]


def values(resource, system):
    return [one["value"] for one in resource["identifier"] if one["system"].endswith(system)]


@pytest.mark.parametrize(
    "query",
    [(ORGANISATION, FOR_RECORD), (ORGANISATION, FOR_RECORD, KEY), (FOR_RECORD, KEY)],
)
async def test_an_endpoint_is_found_by_any_two(consumer, query):
    (endpoint,) = found(await consumer.sds("Endpoint", *query, x_correlation_id=CORRELATION))
    assert endpoint["address"] == f"{consumer.sandbox.urls['practice']}/A99001/STU3/1/gpconnect/structured"
    assert values(endpoint, "nhsMhsPartyKey") == ["A99001-001001"]


async def test_each_capability_has_a_root_of_its_own(consumer):
    metadata = ("identifier", f"{INTERACTION}|urn:nhs:names:services:gpconnect:fhir:rest:read:metadata-1")
    (endpoint,) = found(await consumer.sds("Endpoint", ORGANISATION, metadata))
    assert endpoint["address"].endswith("/A99001/STU3/1/gpconnect")
    endpoints = found(await consumer.sds("Endpoint", ORGANISATION, KEY))
    roots = {one["address"].partition("/A99001/")[2] for one in endpoints}
    assert {"STU3/1/gpconnect", "STU3/1/gpconnect/structured"} <= roots


async def test_a_device_is_found_by_party_key(consumer):
    (device,) = found(await consumer.sds("Device", ORGANISATION, FOR_RECORD, KEY))
    assert values(device, "nhsSpineASID") == ["999900001001"]
    other = ("identifier", f"{PARTY_KEY}|A99002-001002")
    assert found(await consumer.sds("Device", ORGANISATION, FOR_RECORD, other)) == []


async def test_the_own_asid_needs_the_manufacturer_to_be_the_only_one(consumer):
    hospital = ("organization", f"{ODS}|RZZ01")
    assert len(found(await consumer.sds("Device", hospital, FOR_RECORD))) == 2
    own = ("manufacturing-organization", f"{ODS}|YGB01")
    (device,) = found(await consumer.sds("Device", hospital, FOR_RECORD, own))
    assert values(device, "nhsSpineASID") == ["999900002001"]


@pytest.mark.parametrize(
    ("ods", "endpoints"), [("A99004", 0), ("A99005", 2), ("ZZZ", 0), ("a99001", 0), ("A99006", 1)]
)
async def test_what_is_found_of_each_practice(consumer, ods, endpoints):
    organisation = ("organization", f"{ODS}|{ods}")
    resources = found(await consumer.sds("Endpoint", organisation, FOR_RECORD))
    assert len(resources) == endpoints
    assert len({tuple(values(one, "nhsMhsPartyKey")) for one in resources}) == endpoints
    if ods == "A99006":
        assert "address" not in resources[0]


async def test_the_correlation_id_is_echoed_and_ids_are_new_each_time(consumer):
    answers = [
        await consumer.sds("Device", ORGANISATION, FOR_RECORD, x_correlation_id=CORRELATION) for _ in range(2)
    ]
    assert {answer.headers["x-correlation-id"] for answer in answers} == {CORRELATION}
    assert len({found(answer)[0]["id"] for answer in answers}) == 2


@pytest.mark.parametrize(
    ("kind", "query", "changed", "expected"),
    [
        ("Device", (ORGANISATION, FOR_RECORD), {"apikey": None}, (401, "ACCESS_DENIED")),
        ("Device", (ORGANISATION, FOR_RECORD), {"apikey": "wrong"}, (401, "ACCESS_DENIED")),
        ("Nope", (), {}, (404, "NO_RECORD_FOUND")),
        ("Device", (), {"method": "POST"}, (405, "NOT_IMPLEMENTED")),
        ("Device", (ORGANISATION, FOR_RECORD), {"accept": "text/html"}, (406, "MISSING_OR_INVALID_HEADER")),
        ("Device", (ORGANISATION, FOR_RECORD), {"x_correlation_id": "abc"}, (400, "BAD_REQUEST")),
        ("Device", (FOR_RECORD,), {}, (400, "BAD_REQUEST")),
        ("Device", (ORGANISATION,), {}, (400, "BAD_REQUEST")),
        ("Device", (("organization", "A99001"), FOR_RECORD), {}, (400, "BAD_REQUEST")),
        ("Device", (ORGANISATION, FOR_RECORD, ("foo", "x")), {}, (400, "BAD_REQUEST")),
        ("Endpoint", (ORGANISATION,), {}, (400, "BAD_REQUEST")),
        ("Endpoint", (FOR_RECORD,), {}, (400, "BAD_REQUEST")),
        (
            "Endpoint",
            (ORGANISATION, FOR_RECORD, ("manufacturing-organization", f"{ODS}|YGB01")),
            {},
            (400, "BAD_REQUEST"),
        ),
    ],
)
async def test_what_is_refused(consumer, kind, query, changed, expected):
    answer = await consumer.sds(kind, *query, **changed)
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["details"]["coding"][0]["code"]) == expected
    assert answer.json()["id"] == answer.headers["x-correlation-id"]
    if expected[0] == 405:
        assert answer.headers["allow"] == "GET"
