"""``bridge ledger list``, ``show``, ``failures`` and ``quality``: what an operator sees of a bad night, 80 columns wide."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.engine.patient_keys import PatientKeys
from bridge.ledger import Circumstances, EndState, QualityFound, QualityNote, Started, request_key
from bridge.ledger.audit.trail import Entry
from bridge.operations.site import Stores
from tests.integration.ledger.site import NHS_NUMBER, events, opening
from tests.support.operators import Operator
from tests.support.processes import Ended

WIDTH = 80
LONG_ID = "5f2c8f0e-1d55-4f0c-9a56-0d7f1f6f0a11-of-a-sender-that-likes-its-ids-to-be-long"
LONG_KEY = request_key("/hospital.example/epr/ward-system", LONG_ID)
TIMEOUT = Circumstances("provider", "practice", "read_timeout", "A12345")
NOTICED = QualityFound(
    "A12345",
    "YGM01",
    [
        QualityNote("issue", "allergies", "degraded_code", 2, "AllergyIntolerance/a1"),
        QualityNote("outcome", "allergies", "items", 1),
    ],
)
REJECTED = Circumstances("request", None, "data.patient.nhs_number: is required", None, "rejected")


async def end(
    stores: Stores, number: int, state: EndState, code: str | None, told: Circumstances, **other: Any
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=number)  # not when this was read: a run takes minutes
    facts = {"own_id": f"r-{number}", "received_at": at, "operation": "record.requested.v1"} | other
    claim = await stores.ledger.begin(opening(number, **facts))
    assert isinstance(claim, Started)
    recorded = stores.trail.step(
        Entry(event="record.requested.v1", outcome=state, request_key=claim.lease.request_key)
    )
    await stores.ledger.finish(
        claim.lease, state=state, code=code, events=events(number), told=told, also=recorded
    )


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Its ledger holds requests of a bad night."""
    operator = Operator(tmp_path_factory.mktemp("site"), "nats://127.0.0.1:1", "no-bus")

    async def fill() -> None:
        patient = PatientKeys(operator.environment["BRIDGE_PATIENT_KEY"]).of(NHS_NUMBER)
        async with operator.stores() as stores:
            await end(stores, 1, "completed", None, Circumstances(practice_ods="A12345", found=[NOTICED]))
            for number in (2, 3):
                await end(stores, number, "failed", "provider_timeout", TIMEOUT, correlation_id="c-ward")
            await end(stores, 4, "rejected", None, REJECTED, own_id="=HYPERLINK(1)")
            await end(
                stores,
                5,
                "failed",
                "provider_timeout",
                Circumstances("provider", "practice", "read_timeout", "B99999"),
                request_key=LONG_KEY,
                own_id=LONG_ID,
                patient_key=patient,
            )
            days = timedelta(days=3)
            await end(
                stores, 6, "failed", "internal", Circumstances("engine"), received_at=datetime.now(UTC) - days
            )

    asyncio.run(fill())
    return operator


async def told(operator: Operator, *arguments: str, given: bytes = b"", code: int = 0) -> Ended:
    ended = await operator.run(*arguments, given=given, COLUMNS=str(WIDTH))
    assert ended.code == code, ended
    assert NHS_NUMBER not in ended.text + ended.errors
    return ended


def is_whole(text: str) -> bool:
    """No line is wider than the terminal, but for ids, which stand whole so that they can be copied."""
    return all(len(line) <= WIDTH or LONG_ID in line for line in text.splitlines())


async def test_failed_requests_are_listed_and_their_ids_can_be_copied(operator: Operator):
    of_one_try = ("--operation", "record.requested.v1", "--attempts", "1")
    ended = await told(operator, "ledger", "list", "--outcome", "failed", "--since", "12h", *of_one_try)
    assert is_whole(ended.text)
    assert f"  {LONG_KEY}\n" in ended.text
    assert "/epr r-2\n" in ended.text
    assert "at provider (practice): read_timeout" in ended.text.replace("\n  ", " ")
    assert "r-6" not in ended.text
    # What is asked about was received some minutes before it ended, each.
    slow = await told(operator, "ledger", "list", "--took", "60s", "--json")
    found = [(line["own_id"], line["duration_ms"] >= 60_000) for line in json.loads(slow.text)["requests"]]
    assert found == [(own_id, True) for own_id in ("r-1", "r-2", "r-3", "=HYPERLINK(1)", LONG_ID, "r-6")]
    slower = await told(operator, "ledger", "list", "--took", "300s", "--csv")
    assert [line["own_id"] for line in csv.DictReader(io.StringIO(slower.text))] == [LONG_ID, "r-6"]
    nothing = await told(operator, "ledger", "list", "--code", "none_such")
    assert nothing.text == "No request meets all of that.\n"


async def test_a_list_is_read_a_page_at_a_time(operator: Operator):
    read: list[str] = []
    after: str | None = None
    while after is not None or not read:
        more = ("--after", after) if after else ()
        page = json.loads((await told(operator, "ledger", "list", "--limit", "3", "--json", *more)).text)
        read += [line["request_key"] for line in page["requests"]]
        after = page["after"]
    assert read == ["/epr r-1", "/epr r-2", "/epr r-3", "/epr r-4", LONG_KEY, "/epr r-6"]
    unknown = await told(operator, "ledger", "list", "--after", "somewhere", code=2)
    assert "--after" in unknown.errors


async def test_as_csv_no_cell_is_a_formula_and_what_is_left_is_told_beside_it(operator: Operator):
    ended = await told(operator, "ledger", "list", "--csv", "--limit", "4")
    lines = list(csv.DictReader(io.StringIO(ended.text)))
    assert [line["own_id"] for line in lines] == ["r-1", "r-2", "r-3", "'=HYPERLINK(1)"]
    assert lines[1]["detail"] == "read_timeout"
    assert "There are more: --after " in ended.errors


@pytest.mark.duty("JO-033")
async def test_requests_of_a_patient_are_found_by_a_number_that_is_typed_and_who_looked_is_noted(
    operator: Operator,
):
    asked = ("ledger", "list", "--patient", "--json", "--actor", "Dr Look")
    ended = await told(operator, *asked, given=f"{NHS_NUMBER}\n".encode())
    assert [line["request_key"] for line in json.loads(ended.text)["requests"]] == [LONG_KEY]
    wrong = await told(operator, *asked, given=b"12345\n", code=2)
    assert wrong.errors.endswith("standard input: is no NHS number\n")
    looked = [entry for entry in await operator.entries() if entry["event"] == "requests.listed"]
    assert [(entry["user"]["name"], entry["outcome"]) for entry in looked] == [("Dr Look", "completed")]
    assert looked[0]["patient_key"]


async def test_a_request_is_shown_by_any_name_and_several_are_listed(operator: Operator):
    for reference in (LONG_ID, "e-5-0", LONG_KEY):
        shown = json.loads((await told(operator, "ledger", "show", reference)).text)
        assert (shown["request_key"], shown["stage"], shown["practice_ods"]) == (
            LONG_KEY,
            "provider",
            "B99999",
        )
    several = await told(operator, "ledger", "show", "c-ward", code=1)
    assert several.text == ""  # where the JSON of one would be
    assert is_whole(several.errors)
    assert "/epr r-2\n" in several.errors
    assert "/epr r-3\n" in several.errors
    assert "correlation id c-ward" in several.errors


async def test_failures_are_told_by_cause_with_what_to_do_next(operator: Operator):
    ended = await told(operator, "failures", "--since", "12h")
    assert is_whole(ended.text)
    first, group, *others = ended.text.split("\n\n")
    assert first.endswith("5 requests ended without success, by 3 causes.")
    assert group.startswith("3 x provider_timeout at provider (practice): read_timeout\n")
    assert "practices: A12345 (2), B99999 (1)\n" in group
    assert "example: /epr r-" in group or f"example: {LONG_KEY}\n" in group
    assert "next:    Practices do not answer in time." in group
    rejected = "1 x rejected at request: data.patient.nhs_number: is required\n"
    assert any(other.startswith(rejected) for other in others)
    whole = json.loads((await told(operator, "failures", "--since", "90m", "--json")).text)
    counted = {(each["code"], each["count"]) for each in whole["groups"]}
    assert counted == {("provider_timeout", 3), (None, 1), ("internal", 1)}
    assert f"group:   {whole['groups'][0]['id']}\n" in group
    quiet = await told(operator, "failures", "--pipeline", "care_record")
    assert "no request ended without success" in quiet.text


async def test_what_is_no_time_is_refused_by_its_option(operator: Operator):
    for text in ("yesterday", "12 h", "999999d"):
        ended = await told(operator, "failures", "--since", text, code=2)
        assert "--since" in ended.errors


async def test_what_practices_sent_is_told_by_supplier_and_as_csv_for_it(operator: Operator):
    ended = await told(operator, "quality", "--since", "2d")
    assert is_whole(ended.text)
    assert "2 x issue degraded_code in allergies\n    supplier YGM01: 1 records of 1 practice" in ended.text
    assert "example: AllergyIntolerance/a1 of A12345\n    request: /epr r-1\n" in ended.text
    ended = await told(operator, "quality", "--csv", "--supplier", "YGM01")
    (line,) = csv.DictReader(io.StringIO(ended.text))
    assert (line["practice_ods"], line["code"], line["count"]) == ("A12345", "degraded_code", "2")
    assert line["meaning"] == "The code is a transfer-degraded one and has no clinical meaning."
    assert "r-1" not in ended.text


async def test_practices_are_told_as_in_the_console_and_one_is_asked_with_a_reason(operator: Operator):
    listed = await told(operator, "practices", "list", "--since", "12h")
    assert is_whole(listed.text)
    assert "A12345: 3 requests, 67 % did not succeed" in listed.text
    assert "circuit: not known: no worker that runs has told" in listed.text
    answer = json.loads((await told(operator, "practices", "list", "--json")).text)
    (one,) = [each for each in answer["practices"] if each["practice_ods"] == "B99999"]
    assert (one["received"], one["failure_rate"], one["circuit"]) == (1, 1.0, None)
    nobody = await told(operator, "practices", "list", "--since", "1m")
    assert "no practice was asked" in nobody.text
    shown = await told(operator, "practices", "show", "A12345")
    assert is_whole(shown.text)
    assert "Capability statements: not known" in shown.text
    assert "allergies: supported, answered with items" in shown.text
    assert "2 x issue degraded_code in allergies" in shown.text
    person = ("--given-name", "Olga", "--family-name", "Brandt", "--organisation-name", "Test Trust")
    without = await told(operator, "practices", "ask", "A12345", *person, "--reason", " ", code=2)
    assert "--reason" in without.errors
    wrong = await told(operator, "practices", "ask", "a/1", *person, "--reason", "new version?", code=1)
    assert "an ODS code is" in wrong.errors
    asking = ("practices", "ask", "A12345", *person, "--reason", "new version?")
    asked = await operator.run(*asking, BRIDGE_CONSUMER_ORGANISATIONS="RZZ01")
    assert "Next: bridge practices show A12345" in asked.text, asked
    assert "not answered yet" in (await told(operator, "practices", "show", "A12345")).text
    known = json.loads((await told(operator, "practices", "show", "A12345", "--json")).text)
    assert (known["practice_ods"], known["ask"]["ended_at"]) == ("A12345", None)
    now, day = datetime.now(UTC), timedelta(days=1)
    async with operator.stores() as stores:
        entries = [one async for one in stores.trail.export(now - day, now + day)]
    (noted,) = [one for one in entries if one["event"] == "practice.ask"]
    assert (noted["practice_ods"], noted["facts"]["reason"]) == ("A12345", "new version?")
