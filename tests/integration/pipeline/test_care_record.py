"""Sections of the care record on the bus, from a request to what can be shown, on RabbitMQ and on NATS."""

import json
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.record.sections import SECTIONS
from bridge.sandbox import BY_NAME, FaultKind, InjectedFault
from tests.integration.pipeline.conftest import running_engine
from tests.support import published
from tests.support.requests import cloud_event, record_request
from tests.support.without_bus import without_bus

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY, SECTION, COMPLETED = (
    "care_record.requested.v1",
    "care_record.section.published.v1",
    "care_record.completed.v1",
)
EXAMPLE = Path(__file__).parents[3] / "pipelines" / "examples" / "care_record.requested.json"
WITHOUT_BUS = pytest.mark.parametrize("engine", ["none"], indirect=True)
"""For what a bus has no part in."""
RICH = BY_NAME["rich_record"].nhs_number


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)],
)
async def engine(request, sandbox, tmp_path_factory):
    """One worker per bus, and one without, for the whole module: each request has an id of its own."""
    if request.param == "none":
        async with without_bus("care_record") as started:
            yield started
        return
    url = request.getfixturevalue(f"{request.param}_url")
    async with running_engine(sandbox, url, tmp_path_factory.mktemp("care-record"), "care_record") as started:
        yield started


def request_for(scenario, codes, **changes):
    data = record_request(BY_NAME[scenario].nhs_number, **changes)
    del data["areas"]
    data.setdefault("sections", {code: {} for code in codes})
    return cloud_event(data, type=f"uk.nhs.gpconnect.{KEY}")


async def ask(engine, scenario, *codes, **changes):
    request = request_for(scenario, codes, **changes)
    await engine.hospital.ask(request, key=KEY)
    events = await engine.hospital.outcome(request["id"])
    for kind, event in events:
        published.check(kind, event["data"])
    return events


def sections(events):
    return {event["data"]["section"]: event["data"] for kind, event in events if kind == SECTION}


def practice_calls(engine, number=RICH):
    return [call for call in engine.sandbox.calls.of("practice") if call.nhs_number == number]


@pytest.mark.duty("HT-002", "HT-004", "HT-010", "HT-011", "HT-016", "HT-037")
async def test_all_sections_come_in_order_and_the_last_event_names_them(engine):
    engine.sandbox.reset()
    events = await ask(engine, "rich_record", *reversed(list(SECTIONS)))

    assert [kind for kind, _ in events] == [SECTION] * 10 + [COMPLETED]
    assert [event["data"]["section"] for _, event in events[:-1]] == list(SECTIONS)
    completed = events[-1][1]["data"]
    assert completed["complete"] is True
    assert completed["failed"] == []
    assert [one["event_id"] for one in completed["published"]] == [event["id"] for _, event in events[:-1]]
    assert len({event["id"] for _, event in events}) == len(events)
    for data in sections(events).values():
        assert data["state"] == "content"
        assert data["demographics"]["verdict"] == "accept"
        assert data["holder_ods"] == BY_NAME["rich_record"].practice.ods
    calls = practice_calls(engine)
    assert len(calls) == 10
    assert [call.remarks for call in calls] == [[]] * 10
    assert len(engine.sandbox.calls.of("sds")) <= 3  # own system, endpoint and system of the practice, once
    assert len(engine.sandbox.calls.of("pds")) == 1


@pytest.mark.duty("HT-009", "HT-022")
async def test_a_period_narrows_the_section_and_its_banner_says_so(engine):
    events = await ask(
        engine, "rich_record", sections={"ENC": {"period": {"start": "2025-01-01"}}, "SUM": {}}
    )
    encounters = sections(events)["ENC"]
    assert encounters["period"] == {"start": "2025-01-01"}
    (part,) = encounters["subsections"]
    texts = [one["text"] for one in (*encounters["banners"], *part["banners"]) if one["kind"] == "date"]
    assert texts == ["Data items from 01-Jan-2025"]
    assert [row["cells"]["Date"] for row in part["tables"][0]["rows"]] == ["14-Oct-2025", "23-Jul-2025"]


@WITHOUT_BUS
@pytest.mark.duty("HT-022")
async def test_a_practice_s_own_period_is_said_and_not_taken_for_all(engine):
    encounters = sections(await ask(engine, "html_default_period", "ENC"))["ENC"]
    (part,) = encounters["subsections"]
    banners = [(one["kind"], one["text"]) for one in (*encounters["banners"], *part["banners"])]
    assert banners == [("date", "All data items from 20-Nov-2024")]
    assert [row["cells"]["Date"] for row in part["tables"][0]["rows"]] == ["14-Oct-2025", "23-Jul-2025"]


@WITHOUT_BUS
@pytest.mark.duty("HT-009")
async def test_a_period_where_none_may_be_is_rejected_and_nothing_is_called(engine):
    calls = len(engine.sandbox.calls)
    ((kind, event),) = await ask(engine, "rich_record", sections={"SUM": {"period": {"start": "2025-01-01"}}})
    assert kind == "request.rejected.v1"
    assert [fault["field"] for fault in event["data"]["faults"]] == ["data.sections.SUM.period"]
    assert len(engine.sandbox.calls) == calls


@WITHOUT_BUS
@pytest.mark.duty("HT-023", "HT-034")
async def test_nothing_recorded_withheld_denied_and_not_supported_never_look_the_same(engine):
    found = sections(await ask(engine, "html_absences", *SECTIONS))
    assert {
        code: found[code]["subsections"][0]["state"] for code in ("ENC", "CLI", "REF", "OBS", "IMM", "ADM")
    } == {
        "ENC": "withheld",
        "CLI": "transfer_incomplete",
        "REF": "access_denied",
        "OBS": "retrieval_not_supported",
        "IMM": "nothing_recorded",
        "ADM": "not_stored",
    }
    assert [code for code in found if found[code]["may_say_none"]] == ["IMM"]


@WITHOUT_BUS
@pytest.mark.parametrize("scenario", ["html_emis_like", "html_vision_like", "html_older", "html_columns"])
async def test_every_practice_s_way_of_rendering_is_taken(engine, scenario):
    found = sections(await ask(engine, scenario, "ENC", "ALL", "OBS", "ADM"))
    assert set(found) == {"ENC", "ALL", "OBS", "ADM"}
    rows = found["ENC"]["subsections"][0]["tables"][0]["rows"]
    assert rows[0]["cells"]["Date"] == "14-Oct-2025"


@WITHOUT_BUS
@pytest.mark.duty("HT-023", "HT-029")
async def test_broken_markup_and_unknown_elements_cost_no_text(engine):
    found = sections(await ask(engine, "html_malformed", "ENC", "MED"))
    assert set(found) == {"ENC", "MED"}
    for text in ("Review of hypertension", "pulse 72 regular", "38°C; safety-netted", "New patient check"):
        assert text in found["ENC"]["html"]
    assert [row["cells"]["Title"] for row in found["ENC"]["subsections"][0]["tables"][0]["rows"]] == [
        "Sandbox Medical Centre, surgery",
        "Sandbox Medical Centre, telephone",
        "Sandbox Medical Centre, home visit",
        "Sandbox Medical Centre, surgery",
    ]


@WITHOUT_BUS
@pytest.mark.duty("HT-022", "HT-023")
async def test_nothing_that_runs_or_is_fetched_is_published_and_its_words_stay(engine):
    found = sections(await ask(engine, "html_hostile", "ENC"))["ENC"]
    for gone in (
        "<script",
        "onerror",
        "onclick",
        "<iframe",
        "<object",
        "<svg",
        "<link",
        "<form",
        "attacker.invalid",
    ):
        assert gone not in found["html"]
    assert "Reported by" in found["html"]
    assert "Dr Gilbert" in found["html"]
    assert "active_content_removed" in {issue["code"] for issue in found["issues"]}


async def test_two_megabytes_are_published_whole_or_fail_visibly_and_alone(engine):
    events = await ask(engine, "html_large", "ENC", "IMM")
    largest = engine.bus.largest_body
    if largest is not None and largest < 4_000_000:  # a NATS server as it comes takes one megabyte
        (failed,) = events[-1][1]["data"]["failed"]
        assert (failed["section"], failed["detail"]) == ("ENC", "event_too_large")
        assert list(sections(events)) == ["IMM"]
        return
    found = sections(events)["ENC"]
    assert found["state"] == "content"
    assert len(found["html"]) > 1_900_000


async def test_some_come_and_the_last_event_says_why_others_did_not(engine):
    engine.sandbox.reset()
    events = await ask(engine, "html_partial", "SUM", "REF", "OBS")
    completed = events[-1][1]["data"]
    assert completed["complete"] is False
    assert [one["section"] for one in completed["published"]] == ["SUM", "OBS"]
    (failed,) = completed["failed"]
    assert (failed["section"], failed["code"], failed["retryable"]) == ("REF", "practice_not_enabled", False)
    assert failed["message"]
    assert failed["advice"]


@pytest.mark.duty("SP-037", "HT-012")
async def test_what_came_is_not_asked_for_again_while_the_rest_is_retried(engine):
    engine.sandbox.reset()
    number = BY_NAME["html_partial"].nhs_number
    await ask(engine, "html_partial", "SUM", "OBS")
    asked = practice_calls(engine, number)
    assert len(asked) == 3  # the summary once, the observations twice
    assert sorted(call.status for call in asked) == [200, 200, 500]


@pytest.mark.duty("SP-037")
async def test_when_no_try_is_left_what_came_is_published(engine):
    engine.sandbox.reset()
    engine.sandbox.fault(f"{RICH}/OBS", InjectedFault(FaultKind.STATUS))
    events = await ask(engine, "rich_record", "ENC", "OBS")
    assert [kind for kind, _ in events] == [SECTION, COMPLETED]
    (failed,) = events[-1][1]["data"]["failed"]
    assert (failed["section"], failed["code"], failed["retryable"]) == ("OBS", "provider_error", True)
    assert len(practice_calls(engine)) == 1 + 4
    engine.sandbox.reset()


@WITHOUT_BUS
async def test_what_was_mended_to_read_an_answer_is_told_with_the_section(engine):
    engine.sandbox.reset()
    engine.sandbox.fault(f"{RICH}/OBS", InjectedFault(FaultKind.BYTE_ORDER_MARK))
    found = sections(await ask(engine, "rich_record", "ENC", "OBS"))
    codes = {name: {issue["code"] for issue in data["issues"]} for name, data in found.items()}
    assert "byte_order_mark" in codes["OBS"]
    assert "byte_order_mark" not in codes["ENC"]
    assert found["OBS"]["state"] == "content"
    engine.sandbox.reset()


@WITHOUT_BUS
@pytest.mark.duty("HT-019", "HT-033")
@pytest.mark.parametrize(
    ("scenario", "code", "most"),
    [
        ("restricted", "patient_restricted", 0),
        ("not_on_pds", "patient_not_found", 0),
        ("no_endpoint", "practice_not_enabled", 0),
        ("no_agreement", "sharing_refused", 0),
        ("no_consent", "sharing_refused", 4),
        ("not_at_practice", "patient_not_found", 4),
        ("empty_object", "response_invalid", 10),
        ("html_other_section", "response_invalid", 10),
        ("other_patient", "response_invalid", 10),
    ],
)
async def test_when_none_can_be_shown_the_request_fails_and_nothing_of_the_record_is_told(
    engine, scenario, code, most
):
    engine.sandbox.reset()
    codes = [section for section in SECTIONS if section != "OBS"]
    ((kind, event),) = await ask(engine, scenario, *codes)
    assert (kind, event["data"]["code"]) == ("request.failed.v1", code)
    number = BY_NAME[scenario].nhs_number
    assert number not in json.dumps(event)
    assert len(practice_calls(engine, number)) <= most


@WITHOUT_BUS
@pytest.mark.duty("HT-018")
async def test_address_practice_and_gp_are_there_to_look_at_and_never_compared(engine):
    data = sections(await ask(engine, "rich_record", "SUM"))["SUM"]
    person = BY_NAME["rich_record"].person
    assert data["patient"]["address"] == [person.line, person.city, person.district, person.postcode]
    assert "Gilbert" in data["patient"]["gp_name"]
    assert data["patient"]["practice_name"] == BY_NAME["rich_record"].practice.name
    assert not data["demographics"].keys() & {"address", "phones", "gp_name", "practice_name"}


@WITHOUT_BUS
@pytest.mark.duty("HT-016", "HT-017")
async def test_a_differing_detail_asks_for_review_and_is_named_with_both_values(engine):
    events = await ask(engine, "other_family_name", "SUM")
    (difference,) = sections(events)["SUM"]["demographics"]["differences"]
    family = BY_NAME["other_family_name"].person.family
    assert difference == {"field": "family_name", "asked": family, "returned": "Mirfield"}
    assert events[-1][1]["data"]["published"][0]["verdict"] == "review"


async def test_the_example_of_the_documentation_works(engine):
    body = EXAMPLE.read_bytes()
    correlation_id = await engine.hospital.ask(body, key=KEY, message_id=json.loads(body)["id"])
    events = await engine.hospital.outcome(correlation_id)
    assert list(sections(events)) == ["SUM", "ENC", "ALL", "MED"]
    assert events[-1][1]["data"]["complete"] is True


async def test_an_nhs_number_stands_in_event_data_only(engine):
    for _, event in await ask(engine, "rich_record", "SUM"):
        assert RICH not in json.dumps({name: value for name, value in event.items() if name != "data"})
