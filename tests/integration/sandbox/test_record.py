"""A record through all four servers, and what the answer depends on."""

import asyncio
import time

import pytest

from bridge.sandbox import BY_NAME, SandboxOptions, running
from tests.integration.sandbox.consumer import RECORD, Consumer, claims, unsigned

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALLERGIES = "886921000000105"
ENDED = "1103671000000101"
MEDICATIONS = "933361000000108"


def resources(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def lists(bundle):
    return {one["code"]["coding"][0]["code"]: one for one in resources(bundle, "List")}


def allergies(resolved):
    return {
        "name": "includeAllergies",
        "part": [{"name": "includeResolvedAllergies", "valueBoolean": resolved}],
    }


def medication(*, issues=True, since=None):
    parts = [{"name": "includePrescriptionIssues", "valueBoolean": issues}]
    if since:
        parts.append({"name": "medicationSearchFromDate", "valueDate": since})
    return {"name": "includeMedication", "part": parts}


async def test_a_record_comes_through_all_four_servers(consumer):
    traced = await consumer.pds("9990000018")
    assert traced.status_code == 200
    ods = traced.json()["generalPractitioner"][0]["identifier"]["value"]
    answer = await consumer.record("9990000018", ods=ods)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json;charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["transfer-encoding"] == "chunked"
    bundle = answer.json()
    assert bundle["id"] == answer.request.headers["ssp-traceid"]
    assert bundle["type"] == "collection"
    assert bundle["meta"]["profile"][0].endswith("GPConnect-StructuredRecord-Bundle-1")
    assert not any("fullUrl" in entry for entry in bundle["entry"])
    calls = consumer.sandbox.calls
    assert [call.upstream for call in calls] == ["token", "pds", "sds", "sds", "proxy", "practice"]
    sequence = [call.sequence for call in calls]
    assert sequence == list(range(sequence[0], sequence[0] + 6))
    assert {call.status for call in calls} == {200}
    assert not any(call.remarks for call in calls)
    (seen,) = calls.of("practice", nhs_number="9990000018")
    assert (seen.interaction, seen.practice, seen.trace_id) == (RECORD, "A99001", bundle["id"])
    assert seen.claims["requesting_organization"]["identifier"][0]["value"] == "RZZ01"


async def test_a_body_comes_plain_for_those_who_do_not_take_gzip(consumer):
    answer = await consumer.record("9990000018", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.json()["entry"]


async def test_the_same_question_gets_the_same_answer_but_for_its_id(consumer):
    route = dict(zip(("root", "asid"), await consumer.route("A99001"), strict=True))
    first = (await consumer.record("9990000018", **route)).json()
    second = (await consumer.record("9990000018", **route)).json()
    assert first.pop("id") != second.pop("id")
    assert first == second


async def test_ended_allergies_come_inside_their_list_and_only_when_asked(consumer):
    without = (await consumer.record("9990000018", allergies(resolved=False))).json()
    assert ALLERGIES in lists(without)
    assert ENDED not in lists(without)
    ended = lists((await consumer.record("9990000018", allergies(resolved=True))).json())[ENDED]
    (inside,) = ended["contained"]
    assert inside["clinicalStatus"] == "resolved"
    assert ended["entry"] == [{"item": {"reference": f"#{inside['id']}"}}]


async def test_an_area_that_is_not_asked_for_does_not_come(consumer):
    bundle = (await consumer.record("9990000018", medication())).json()
    assert MEDICATIONS in lists(bundle)
    assert ALLERGIES not in lists(bundle)
    assert not resources(bundle, "AllergyIntolerance")


async def test_issues_come_only_when_asked(consumer):
    intents = {}
    for issues in (True, False):
        bundle = (await consumer.record("9990000018", medication(issues=issues))).json()
        intents[issues] = [one["intent"] for one in resources(bundle, "MedicationRequest")]
    assert set(intents[True]) == {"plan", "order"}
    assert set(intents[False]) == {"plan"}


async def test_the_date_search_follows_the_examples_of_the_specification(consumer):
    """structured.md §3.9: ten courses; a search from 8 July 2018 finds seven, from 15 January all."""
    number = BY_NAME["medication_windows"].nhs_number
    since_july = (await consumer.record(number, medication(since="2018-07-08"))).json()
    starts = {one["effectivePeriod"]["start"] for one in resources(since_july, "MedicationStatement")}
    assert starts == {
        "2018-06-01",
        "2018-08-01",
        "2018-01-05",
        "2018-02-05",
        "2018-02-01",
        "2018-10-25",
        "2018-07-01",
    }
    since_january = (await consumer.record(number, medication(since="2018-01-15"))).json()
    assert len(resources(since_january, "MedicationStatement")) == 10


async def test_what_was_prescribed_elsewhere_comes_whatever_date_is_asked(consumer):
    number = BY_NAME["prescribed_elsewhere"].nhs_number
    bundle = (await consumer.record(number, medication(since="2026-01-01"))).json()
    assert len(resources(bundle, "MedicationStatement")) == 2


@pytest.mark.parametrize(
    ("scenario", "code", "warnings", "is_empty"),
    [
        ("rich_record", MEDICATIONS, [], False),
        ("empty_record", MEDICATIONS, [], True),
        ("empty_record", ALLERGIES, [], True),
        ("withheld_items", MEDICATIONS, ["confidential-items"], True),
        ("partly_withheld", ALLERGIES, ["confidential-items"], False),
        ("record_in_transit", ENDED, ["data-in-transit"], True),
        ("awaiting_filing", MEDICATIONS, ["data-awaiting-filing"], False),
        ("two_warnings", MEDICATIONS, ["confidential-items", "data-in-transit"], False),
    ],
)
async def test_lists_say_whether_they_are_empty_and_what_they_lack(
    consumer, scenario, code, warnings, is_empty
):
    found = lists((await consumer.record(BY_NAME[scenario].nhs_number)).json())[code]
    codes = [one["valueCode"] for one in found["extension"] if "ListWarningCode" in one["url"]]
    assert codes == warnings
    assert ("emptyReason" in found) == is_empty
    assert ("entry" in found) != is_empty
    assert bool(found.get("note")) == (is_empty or bool(warnings))


@pytest.mark.parametrize(
    ("scenario", "areas", "named"),
    [
        ("rich_record", ({"name": "includeSpaceships"}, allergies(resolved=True)), ["includeSpaceships"]),
        (
            "rich_record",
            (
                {
                    "name": "includeMedication",
                    "part": [{"name": "includeColour", "valueBoolean": True}],
                },
            ),
            ["includeMedication.includeColour"],
        ),
        ("unsupported_area", (), ["includeAllergies"]),
        ("disabled_area", (), ["includeMedication"]),
        ("inherited_fields", ({"name": "includeProblems"}, medication()), ["includeProblems"]),
    ],
)
async def test_what_is_not_offered_is_a_warning_inside_the_200(consumer, scenario, areas, named):
    patient = BY_NAME[scenario]
    answer = await consumer.record(patient.nhs_number, *areas, ods=patient.practice.ods)
    assert answer.status_code == 200
    (outcome,) = resources(answer.json(), "OperationOutcome")
    assert [issue["diagnostics"] for issue in outcome["issue"]] == named
    assert {issue["severity"] for issue in outcome["issue"]} == {"warning"}


async def test_capability_statements_are_served_under_both_roots(consumer):
    for name, operation in (
        ("structured:fhir:rest:read:metadata-1", "gpc.getstructuredrecord"),
        ("fhir:rest:read:metadata-1", "gpc.registerpatient"),
    ):
        interaction = f"urn:nhs:names:services:gpconnect:{name}"
        root, asid = await consumer.route("A99001", interaction)
        answer = await consumer.record(
            "",
            root=root,
            asid=asid,
            interaction=interaction,
            method="GET",
            path="/metadata",
            claim={"requested_scope": "organization/*.read"},
        )
        assert answer.status_code == 200, answer.text
        statement = answer.json()
        assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "3.0.1")
        assert statement["rest"][0]["operation"][0]["name"] == operation


async def test_habits_of_a_careless_consumer_are_remarked(consumer):
    root, asid = await consumer.route("A99001")
    trace = {"ssp-traceid": "6e6e6e6e-0000-4000-8000-000000000001"}
    practitioner = claims(root)["requesting_practitioner"]
    practitioner["identifier"] = practitioner["identifier"][:1]
    issued = int(time.time()) - 10
    token = unsigned(claims(root, requesting_practitioner=practitioner, iat=issued, exp=issued + 300))
    for _ in range(2):
        answer = await consumer.record(
            "9990000018",
            root=root,
            asid=asid,
            token=token,
            headers={**trace, "accept-encoding": "identity", "content-type": "application/fhir+json"},
        )
        assert answer.status_code == 200, answer.text
    first, second = consumer.sandbox.calls.of("practice")
    assert {remark.split(":")[0] for remark in first.remarks} == {"SP-075", "SP-076", "SP-092", "SP-091"}
    assert {remark.split(":")[0] for remark in second.remarks} - {
        remark.split(":")[0] for remark in first.remarks
    } == {"SP-032", "SP-061"}


async def test_tokens_of_the_same_second_may_be_alike(consumer):
    root, asid = await consumer.route("A99001")
    token = unsigned(claims(root))
    asked = (consumer.record("9990000018", root=root, asid=asid, token=token) for _ in range(2))
    await asyncio.gather(*asked)
    assert [call.remarks for call in consumer.sandbox.calls.of("practice")] == [[], []]


async def test_another_organisation_s_asid_is_remarked(consumer):
    consumer.asid = "999900002002"
    assert (await consumer.record("9990000018")).status_code == 200
    (call,) = consumer.sandbox.calls.of("practice")
    assert [remark.split(":")[0] for remark in call.remarks] == ["SP-033"]


async def test_many_at_once_are_answered(consumer):
    root, asid = await consumer.route("A99001")
    answers = await asyncio.gather(*(consumer.record("9990000859", root=root, asid=asid) for _ in range(60)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_relaxed_sandbox_answers_without_reading_closely(consumer, state_dir):
    async with running(SandboxOptions(state_dir=state_dir, strict=False, compress=False)) as sandbox:
        relaxed = Consumer(sandbox, consumer.http)
        answer = await relaxed.record("9990000867", token="not-a-token")
        assert answer.status_code == 200
        assert "content-encoding" not in answer.headers
        assert len(answer.content) > 1_200_000
        assert answer.json()["id"] == answer.request.headers["ssp-traceid"]
