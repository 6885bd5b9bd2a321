import asyncio
import uuid
from typing import Any

import pytest

from bridge.errors import FailureCode, Refused, RequestFailed, Unavailable
from bridge.spine import Spine
from bridge.spine.interactions import FOUNDATIONS_METADATA, STRUCTURED_RECORD
from tests.integration.spine.world import (
    ASID,
    ODS,
    OWN_ASID,
    PARTY_KEY,
    PRACTICE,
    ROOT,
    World,
    device,
    endpoint,
    outcome,
    query,
    searchset,
)
from tests.support.http_server import Request, answer

INTERACTION = "https://fhir.nhs.uk/Id/nhsServiceInteractionId|" + STRUCTURED_RECORD.id
ENCOUNTER = ("RXX", "u-481", "e-1")


async def failure(spine: Spine, ods: str = PRACTICE) -> RequestFailed:
    with pytest.raises(RequestFailed) as failed:
        await spine.sds.practice(ods, STRUCTURED_RECORD)
    assert failed.value.stage == "sds"
    return failed.value


@pytest.mark.duty("SP-010", "SP-011", "SP-012", "SP-034", "CS-001")
async def test_the_endpoint_is_looked_up_first_and_its_party_key_leads_to_the_asid(
    spine: Spine, world: World
):
    practice = await spine.sds.practice(PRACTICE, STRUCTURED_RECORD)

    assert (practice.ods, practice.service_root) == (PRACTICE, ROOT)
    assert (practice.party_key, practice.asid) == (PARTY_KEY, ASID)
    assert world.seen == ["sds.endpoint", "sds.device"]
    first, second = world.server.requests
    asked = [("organization", f"{ODS}|{PRACTICE}"), ("identifier", INTERACTION)]
    assert query(first) == asked
    assert query(second) == [*asked, ("identifier", f"https://fhir.nhs.uk/Id/nhsMhsPartyKey|{PARTY_KEY}")]
    assert not set("|:/$ ") & set(first.target.partition("?")[2])
    for request in (first, second):
        assert (request.headers["apikey"], request.headers["accept"]) == ("sds-key", "application/fhir+json")
    assert len({uuid.UUID(request.headers["x-correlation-id"]) for request in (first, second)}) == 2


@pytest.mark.duty("SP-031")
@pytest.mark.parametrize("address", [ROOT + "/", "http://GP.Example/A/%7E//b", "HTTPS://odd"])
async def test_the_address_stays_as_the_directory_has_it(spine: Spine, world: World, address: str):
    world.endpoints = searchset(endpoint(address))

    assert (await spine.sds.practice(PRACTICE, STRUCTURED_RECORD)).service_root == address


@pytest.mark.parametrize(
    ("endpoints", "devices", "code", "detail"),
    [
        pytest.param(
            [], [device()], FailureCode.PRACTICE_NOT_ENABLED, "endpoint_not_found", id="no endpoint"
        ),
        pytest.param(
            [endpoint(address=None)],
            [device()],
            FailureCode.PRACTICE_NOT_ENABLED,
            "endpoint_without_address",
            id="endpoint without address",
        ),
        pytest.param(
            [endpoint() | {"identifier": []}],
            [device()],
            FailureCode.PRACTICE_NOT_ENABLED,
            "endpoint_without_party_key",
            id="endpoint without party key",
        ),
        pytest.param([endpoint()], [], FailureCode.PRACTICE_NOT_ENABLED, "device_not_found", id="no device"),
        pytest.param(
            [endpoint()],
            [device(party_key="OTHER-1")],
            FailureCode.PRACTICE_NOT_ENABLED,
            "device_not_found",
            id="device of another party",
        ),
        pytest.param(
            [endpoint()],
            [device(party_key=PARTY_KEY.lower())],
            FailureCode.PRACTICE_NOT_ENABLED,
            "device_not_found",
            id="case matters",
            marks=pytest.mark.duty("SP-035"),
        ),
        pytest.param(
            [endpoint()],
            [device(), device("200000000302")],
            FailureCode.CONFIGURATION,
            "ambiguous pairs=2",
            id="two devices",
        ),
        pytest.param(
            [endpoint(), endpoint("https://gp.example.nhs.uk/other")],
            [device()],
            FailureCode.CONFIGURATION,
            "ambiguous pairs=2",
            id="two addresses",
        ),
    ],
)
async def test_other_than_one_pair_is_no_address(
    spine: Spine, world: World, endpoints: list[Any], devices: list[Any], code: FailureCode, detail: str
):
    world.endpoints, world.devices = searchset(*endpoints), searchset(*devices)

    refused = await failure(spine)

    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail) == (code, detail)


async def test_two_endpoints_of_which_one_has_a_system_are_one_pair(spine: Spine, world: World):
    world.endpoints = searchset(endpoint("https://gp.example.nhs.uk/old", "OLD-1"), endpoint())

    assert (await spine.sds.practice(PRACTICE, STRUCTURED_RECORD)).service_root == ROOT


async def test_the_same_endpoint_twice_is_one(spine: Spine, world: World):
    world.endpoints, world.devices = searchset(endpoint(), endpoint()), searchset(device(), device())

    assert (await spine.sds.practice(PRACTICE, STRUCTURED_RECORD)).asid == ASID


@pytest.mark.duty("SP-015")
async def test_without_an_encounter_every_request_looks_up_anew(spine: Spine, world: World):
    for _ in range(2):
        await spine.sds.practice(PRACTICE, STRUCTURED_RECORD)

    assert len(world.of("sds.endpoint")) == len(world.of("sds.device")) == 2


@pytest.mark.duty("SP-014", "SP-015")
async def test_answers_are_shared_in_one_encounter_and_in_no_other(spine: Spine, world: World):
    first = await spine.sds.practice(PRACTICE, STRUCTURED_RECORD, encounter=ENCOUNTER)
    again = await spine.sds.practice(PRACTICE, STRUCTURED_RECORD, encounter=ENCOUNTER)

    assert again is first
    assert first.looked_up_at.endswith("Z")
    assert len(world.of("sds.endpoint")) == 1
    await spine.sds.practice(PRACTICE, STRUCTURED_RECORD, encounter=("RXX", "u-481", "e-2"))
    assert len(world.of("sds.endpoint")) == 2


@pytest.mark.duty("SP-013")
async def test_another_capability_is_looked_up_for_itself(spine: Spine, world: World):
    await spine.sds.practice(PRACTICE, STRUCTURED_RECORD, encounter=ENCOUNTER)
    await spine.sds.practice(PRACTICE, FOUNDATIONS_METADATA, encounter=ENCOUNTER)

    asked = [dict(query(request))["identifier"].partition("|")[2] for request in world.of("sds.endpoint")]
    assert asked == [STRUCTURED_RECORD.id, FOUNDATIONS_METADATA.id]


async def test_a_fresh_answer_replaces_the_kept_one(spine: Spine, world: World):
    await spine.sds.practice(PRACTICE, STRUCTURED_RECORD, encounter=ENCOUNTER)
    world.endpoints = searchset(endpoint(ROOT + "/moved"))
    await spine.sds.practice(PRACTICE, STRUCTURED_RECORD, encounter=ENCOUNTER, fresh=True)

    shared = await spine.sds.practice(PRACTICE, STRUCTURED_RECORD, encounter=ENCOUNTER)
    assert shared.service_root == ROOT + "/moved"


@pytest.mark.parametrize(
    "ods", ["a82038", "A8", "A82038)(uid=*", "A82038ABCDE", "A82 38", "A82038\n", "Ä82038"]
)
async def test_nothing_but_an_ods_code_reaches_the_directory(spine: Spine, world: World, ods: str):
    await failure(spine, ods)

    assert world.seen == []


@pytest.mark.duty("SP-018", "SP-033")
async def test_the_own_asid_is_filtered_by_organisation_interaction_and_supplier(spine: Spine, world: World):
    assert await spine.sds.own_asid("RXX", STRUCTURED_RECORD) == OWN_ASID

    (request,) = world.of("sds.own")
    assert query(request) == [
        ("organization", f"{ODS}|RXX"),
        ("identifier", INTERACTION),
        ("manufacturing-organization", f"{ODS}|X26"),
    ]


@pytest.mark.duty("SP-033")
async def test_each_organisation_has_its_own_asid(spine: Spine, world: World):
    def own(request: Request) -> bytes:
        return searchset(device("111" if "RXX" in request.target else "222"))

    world.own_devices = own
    rxx = await asyncio.gather(*(spine.sds.own_asid("RXX", STRUCTURED_RECORD) for _ in range(4)))
    ryy = await spine.sds.own_asid("RYY", STRUCTURED_RECORD)

    assert (set(rxx), ryy) == ({"111"}, "222")
    assert len(world.of("sds.own")) == 2


@pytest.mark.parametrize("found", [[], [device("1"), device("2")]])
async def test_no_own_asid_or_several_are_for_an_operator(spine: Spine, world: World, found: list[Any]):
    world.own_devices = searchset(*found)
    with pytest.raises(Refused) as refused:
        await spine.sds.own_asid("RXX", STRUCTURED_RECORD)

    assert (refused.value.code, refused.value.detail) == (
        FailureCode.CONFIGURATION,
        f"own_asids={len(found)}",
    )


async def test_a_failed_look_up_is_not_remembered(spine: Spine, world: World):
    world.own_devices = answer(b"", status=504)
    with pytest.raises(Unavailable):
        await spine.sds.own_asid("RXX", STRUCTURED_RECORD)
    world.own_devices = searchset(device(OWN_ASID))

    assert await spine.sds.own_asid("RXX", STRUCTURED_RECORD) == OWN_ASID


async def test_a_caller_that_gives_up_does_not_spoil_the_look_up_of_others(spine: Spine, world: World):
    impatient = asyncio.create_task(spine.sds.own_asid("RXX", STRUCTURED_RECORD))
    patient = asyncio.create_task(spine.sds.own_asid("RXX", STRUCTURED_RECORD))
    await asyncio.sleep(0)  # both wait for the same look-up now
    impatient.cancel()

    assert await patient == OWN_ASID
    assert len(world.of("sds.own")) == 1


@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (400, FailureCode.CONFIGURATION, False),
        (401, FailureCode.CONFIGURATION, False),
        (404, FailureCode.CONFIGURATION, False),
        (406, FailureCode.CONFIGURATION, False),
        (302, FailureCode.CONFIGURATION, False),
        (429, FailureCode.RATE_LIMITED, True),
        (500, FailureCode.SPINE_ERROR, True),
        (504, FailureCode.SPINE_ERROR, True),
    ],
)
async def test_statuses_keep_their_meaning(
    spine: Spine, world: World, status: int, expected: FailureCode, retryable: bool
):
    world.endpoints = answer(outcome("BAD_REQUEST"), status=status)

    failed = await failure(spine)

    assert (failed.code, failed.retryable) == (expected, retryable)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[]", b'{"resourceType":"Bundle","entry":[{}]}', b'{"resourceType":"Patient"}'],
)
async def test_an_answer_that_is_no_searchset_is_a_fault_of_the_service(
    spine: Spine, world: World, body: bytes
):
    world.endpoints = answer(body)

    failed = await failure(spine)

    assert isinstance(failed, Unavailable)
    assert failed.detail == "not_a_searchset"


async def test_an_outcome_in_place_of_a_searchset_is_told_apart(spine: Spine, world: World):
    world.endpoints = answer(outcome("SYSTEM_ERROR"))

    failed = await failure(spine)

    assert (failed.code, failed.detail) == (FailureCode.SPINE_ERROR, "operation_outcome http=200")
    assert failed.retryable
