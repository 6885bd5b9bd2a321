"""What changed between two answers goes out with the second one, and the next is compared with that."""

import asyncio

import pytest
import pytest_asyncio

from bridge.ledger.audit.trail import Actor
from bridge.operations.retention import erase_base, prune
from bridge.operations.site import open_stores
from bridge.pipelines import RecordRequest
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME
from bridge.testing import site
from tests.support.copies import AreaCopy

pytestmark = pytest.mark.asyncio(loop_scope="module")

[STRUCTURED] = installed_pipelines(["structured_record"])
BOTH: dict[str, object] = {"medications": {}, "allergies": {}}
OFFICER = Actor(user_id="ig-1", name="Mr Sam Ple", role="IG", organisation="RXX")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at():
    async with site({"BRIDGE_RENDERINGS": "changes"}) as started:
        yield started


async def asked(at, scenario="rich_record", *, areas=BOTH, **more):
    result = await at.run(STRUCTURED, at.request(RecordRequest, scenario, areas=areas, **more))
    assert result.outcome == "completed"
    return result


def deltas(result):
    return {event.kind.split(".")[0]: event.data for event in result.events if ".changed." in event.kind}


def manifest(result):
    return result.events[-1].data


def stop_the_first_course(record):
    record.courses[0].statement["status"] = "stopped"
    record.courses[0].plan["status"] = "stopped"


def lose_the_last_allergy(record):
    record.allergies.pop()


async def test_a_record_is_told_whole_then_not_at_all_then_as_it_changes(at):
    number = BY_NAME["rich_record"].nhs_number
    copies = {"medications": AreaCopy(), "allergies": AreaCopy()}
    first = await asked(at)
    assert [each["outcome"] for each in manifest(first)["compared"]] == ["whole", "whole"]
    assert "changed" not in manifest(first)
    for area, data in deltas(first).items():
        assert copies[area].take_changes(data)
    second = await asked(at)
    assert manifest(second)["changed"] is False
    assert (deltas(second), len(second.events)) == ({}, 3)

    at.sandbox.change_record(number, lose_the_last_allergy)
    third = await asked(at)
    assert manifest(third)["changed"] is True
    [[area, lost]] = deltas(third).items()
    assert (area, [each["op"] for each in lost["changes"]]) == ("allergies", ["not_returned"])
    assert copies["allergies"].take_changes(lost)
    at.sandbox.reset()
    fourth = await asked(at)
    [back] = deltas(fourth)["allergies"]["changes"]
    assert back["op"] == "returned_again"
    assert copies["allergies"].take_changes(deltas(fourth)["allergies"])
    for kind, copy in copies.items():
        [published] = [event.data for event in fourth.events if event.kind == f"{kind}.published.v1"]
        assert copy.returned == {item["item_id"]: item for item in published["items"]} != {}
    told = {each["topic"]: each["event_id"] for each in manifest(fourth)["renderings"]}
    assert told == {event.kind: event.id for event in fourth.events if ".changed." in event.kind}


async def test_a_message_that_comes_again_is_answered_as_the_first_time(at):
    """What changed was written down with the end of the request: it is not compared anew."""
    result = await asked(at, "ended_allergies_only")
    await asked(at, "ended_allergies_only")
    again = await at.run_again(result)
    assert [event.kind for event in again.events] in ([event.kind for event in result.events], [])
    stored = await at.run(
        STRUCTURED, at.request(RecordRequest, "ended_allergies_only", areas=BOTH), id=result.delivery.id
    )
    assert [(event.id, event.body) for event in stored.events] == [
        (event.id, event.body) for event in result.events
    ]


async def test_of_requests_that_end_at_once_each_follows_the_one_before(at):
    number = BY_NAME["rich_record"].nhs_number
    first = await asked(at)
    at.sandbox.change_record(number, stop_the_first_course)
    at.sandbox.change_record(number, lose_the_last_allergy)
    results = await asyncio.gather(*(asked(at) for _ in range(6)))
    for area in ("medications", "allergies"):
        told = [each[area] for each in map(deltas, results) if area in each]
        assert len(told) == 1, "one of them tells what changed, the others that nothing did since"
    untold = [manifest(result).get("changed") for result in results]
    assert untold.count(True) >= 1
    bases = {
        each["area"]: each["base_snapshot_id"]
        for result in results
        for each in manifest(result)["compared"]
        if each["outcome"] == "changed"
    }
    known = {each["area"]: each.get("base_snapshot_id") for each in manifest(first)["compared"]}
    assert bases["medications"] in {known["medications"], manifest(first)["snapshot_id"]}


async def test_only_who_asks_for_changes_moves_what_they_are_told_by():
    async with site() as quiet:
        plain = await asked(quiet)
        assert (deltas(plain), manifest(plain).keys() & {"changed", "compared"}) == ({}, set())
        wanted = await asked(quiet, renderings=("changes",))
        assert {each["whole_because"] for each in deltas(wanted).values()} == {"first"}
        await asked(quiet)
        assert manifest(await asked(quiet, renderings=("changes",)))["changed"] is False


@pytest.mark.duty("CS-048")
async def test_of_a_patient_in_review_nothing_is_told_or_kept(at):
    """It may be somebody else's record: nothing that comes later is compared with it."""
    for _ in range(2):
        result = await asked(at, "other_family_name")
        assert manifest(result)["demographics"]["verdict"] == "review"
        assert {each["reason"] for each in manifest(result)["compared"]} == {"patient_in_review"}
        assert deltas(result) == {}


async def test_what_is_kept_can_be_erased_and_the_next_answer_is_told_whole(at):
    result = await asked(at)
    key = manifest(result)["patient_key"]
    async with open_stores(at.settings) as stores:
        assert await erase_base(stores, key, actor=OFFICER, reason="Asked for by the patient")
        assert not await erase_base(stores, key, actor=OFFICER, reason="Asked for by the patient")
        assert (await prune(stores, actor=OFFICER)).bases == 0
    assert {each["whole_because"] for each in deltas(await asked(at)).values()} == {"first"}
