"""A request on the bus becomes the areas of a record on the bus, on a real RabbitMQ and a real NATS."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.areas import AREAS
from bridge.areas.events import content_hash
from bridge.figures.sources import look_at_bus
from bridge.pipelines.installed import installed_pipelines
from bridge.record.dates import uk_day
from bridge.sandbox import BY_NAME
from tests.integration.pipeline.conftest import running_engine
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = Path(__file__).parents[3] / "pipelines" / "examples"


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)],
)
async def shared(request, sandbox, tmp_path_factory):
    """One worker per bus, for what leaves nothing behind that another test would see."""
    url = request.getfixturevalue(f"{request.param}_url")
    async with running_engine(
        sandbox, url, tmp_path_factory.mktemp("shared"), "structured_record"
    ) as started:
        yield started


async def ask(engine, scenario, **changes):
    request = cloud_event(record_request(BY_NAME[scenario].nhs_number, **changes))
    await engine.hospital.ask(request)
    return await engine.hospital.outcome(request["id"])


def parts(events):
    return {kind: event["data"] for kind, event in events}


async def test_the_rich_record_comes_as_two_parts_and_a_manifest(shared):
    events = await ask(shared, "rich_record")
    assert [kind for kind, _ in events] == [
        "medications.published.v1",
        "allergies.published.v1",
        "record.completed.v1",
    ]
    data = parts(events)
    assert data["medications.published.v1"]["area"]["outcome"] == "items"
    assert data["allergies.published.v1"]["allergy_statement"] == "active_allergies"
    manifest = data["record.completed.v1"]
    for part, (kind, event) in zip(manifest["parts"], events, strict=False):
        assert part["event_id"] == event["id"]
        assert part["kind"] == kind
        assert part["items"] == len(event["data"]["items"])
        assert part["content_hash"] == event["data"]["content_hash"] == content_hash(event["data"]["items"])
    assert len({event["subject"] for _, event in events}) == 1


@pytest.mark.duty("CS-052", "CS-053")
async def test_every_part_says_whose_when_and_from_where(shared):
    for kind, event in await ask(shared, "rich_record"):
        data = event["data"]
        assert data["nhs_number"] == BY_NAME["rich_record"].nhs_number, kind
        assert "GP practice record" in data["source_label"]
        assert data["retrieved_at"].endswith("Z")
        assert data["holder_ods"] == BY_NAME["rich_record"].practice.ods
        assert data["demographics"]["verdict"] == "accept"


@pytest.mark.parametrize("area", ["medications", "allergies"])
async def test_only_the_areas_asked_for_are_published(shared, area):
    events = await ask(shared, "rich_record", areas={area: {}})
    assert [kind for kind, _ in events] == [f"{area}.published.v1", "record.completed.v1"]
    outcomes = {found["area"]: found["outcome"] for found in parts(events)["record.completed.v1"]["areas"]}
    other = {"medications": "allergies", "allergies": "medications"}[area]
    assert outcomes[area] == "items"
    assert outcomes[other] == "not_requested"


@pytest.mark.parametrize("area", ["immunisations", "observations", "investigations", "diary_entries"])
async def test_an_area_of_which_a_practice_holds_nothing_is_published_as_that(shared, area):
    events = await ask(shared, "rich_record", areas={area: {}})
    assert [kind for kind, _ in events] == [f"{area}.published.v1", "record.completed.v1"]
    data = parts(events)[f"{area}.published.v1"]
    assert data["items"] == []
    assert (data["area"]["outcome"], data["area"]["complete"]) == ("nothing_recorded", True)
    assert data.get("meaning") == ("planned_not_done" if area == "diary_entries" else None)


def within(value):
    """Every object in a value, itself included."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(each)


async def test_a_whole_record_comes_as_a_part_of_every_area_whose_items_lead_to_one_another(shared):
    asked: dict[str, dict[str, str]] = {area.name: {} for area in AREAS.areas if area.options is not None}
    events = await ask(shared, "whole_record", areas=asked)
    data = parts(events)
    manifest = data.pop("record.completed.v1")
    assert list(data) == [area.kind for area in AREAS.areas]
    assert [(each["kind"], each["items"]) for each in manifest["parts"]] == [
        (kind, len(part["items"])) for kind, part in data.items()
    ]
    assert all(part["items"] for part in data.values())
    assert [each for part in data.values() for each in part["unmapped"]] == []
    found = [(kind, each) for kind, part in data.items() for each in within(part["items"])]
    held = {each["item_id"]: kind for kind, each in found if "provenance" in each}
    links = [each for _, each in found if "in_record" in each]
    assert {(each["kind"], held[each["item_id"]]) for each in links} == {
        ("problem", "problems.published.v1"),
        ("consultation", "consultations.published.v1"),
        ("medication", "medications.published.v1"),
        ("allergy", "allergies.published.v1"),
        ("immunisation", "immunisations.published.v1"),
        ("observation", "observations.published.v1"),
        ("investigation", "investigations.published.v1"),
        ("referral", "referrals.published.v1"),
        ("diary_entry", "diary_entries.published.v1"),
        ("document", "documents.published.v1"),
    }


@pytest.mark.duty("CS-022")
async def test_a_predefined_search_passes_in_exactly_its_shape(shared):
    a_year_ago = uk_day(datetime.now(UTC)) - timedelta(days=365)
    areas = {
        "medications": {"search_from": a_year_ago.isoformat()},
        "allergies": {},
        "problems": {},
        "consultations": {"most_recent": 3},
    }
    data = parts(await ask(shared, "rich_record", areas=areas))
    outcomes = {each["area"]: each["outcome"] for each in data["record.completed.v1"]["areas"]}
    assert [outcomes[name] for name in ("medications", "allergies")] == ["items", "items"]
    assert outcomes["consultations"] not in ("not_requested", "not_supported")
    assert data["consultations.published.v1"]["area"]["limited_to"] == {"most_recent": 3}


@pytest.mark.duty("CS-038")
async def test_an_older_practice_knows_fewer_areas_and_each_event_says_so(shared):
    areas = {"medications": {}, "consultations": {"most_recent": 3}}
    data = parts(await ask(shared, "inherited_fields", areas=areas))
    assert data["medications.published.v1"]["area"]["outcome"] == "items"
    consultations = data["consultations.published.v1"]
    assert (consultations["area"]["outcome"], consultations["items"]) == ("not_supported", [])
    assert "includeConsultations" in consultations["area"]["note"]


@pytest.mark.duty("CS-092", "CS-044", "CS-039", "CS-040")
@pytest.mark.parametrize(
    ("scenario", "medications", "statement"),
    [
        ("no_known_allergies", None, "no_known_allergies"),
        ("empty_record", "nothing_recorded", "nothing_recorded"),
        ("withheld_items", "only_withheld", "unavailable"),
        ("unsupported_area", None, "unavailable"),
        ("disabled_area", "not_supported", None),
        ("contradictory_no_known_allergies", None, "contradictory"),
        ("ended_allergies_only", None, "nothing_recorded"),
        ("list_missing", None, "unavailable"),
    ],
)
async def test_none_withheld_unsupported_and_unknown_never_look_the_same(
    shared, scenario, medications, statement
):
    data = parts(await ask(shared, scenario))
    if medications:
        assert data["medications.published.v1"]["area"]["outcome"] == medications
    if statement:
        assert data["allergies.published.v1"]["allergy_statement"] == statement


@pytest.mark.duty("CS-043", "CS-044")
async def test_a_warning_travels_with_the_data_of_its_area(shared):
    data = parts(await ask(shared, "record_in_transit"))
    for kind in ("medications.published.v1", "allergies.published.v1"):
        (warning,) = data[kind]["area"]["warnings"]
        assert warning["code"] == "data-in-transit"
        assert warning["text"]
        assert data[kind]["area"]["complete"] is False


@pytest.mark.duty("CS-007")
async def test_a_superseded_number_is_replaced_and_said(shared):
    events = await ask(shared, "superseded")
    for _, event in events:
        assert event["data"]["nhs_number"] == BY_NAME["superseded"].now
        assert event["data"]["superseded_nhs_number"] == BY_NAME["superseded"].nhs_number


async def test_one_malformed_resource_costs_nothing_but_itself(shared):
    data = parts(await ask(shared, "malformed_resource"))["medications.published.v1"]
    assert data["items"]
    assert [entry["reason"] for entry in data["unmapped"]] == ["malformed"]
    assert data["area"]["complete"] is False


@pytest.mark.duty("CS-048", "CS-049")
async def test_other_details_at_the_practice_ask_for_review(shared):
    scenario = BY_NAME["other_family_name"]
    data = parts(await ask(shared, "other_family_name"))["record.completed.v1"]
    assert data["demographics"]["verdict"] == "review"
    (difference,) = data["demographics"]["differences"]
    assert difference == {"field": "family_name", "asked": scenario.person.family, "returned": "Mirfield"}


@pytest.mark.duty("CS-042")
@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("not_on_pds", "patient_not_found"),
        ("invalidated", "invalid_nhs_number"),
        ("restricted", "patient_restricted"),
        ("deceased", "patient_deceased"),
        ("ended_registration", "patient_not_registered"),
        ("no_practice", "patient_not_registered"),
        ("no_endpoint", "practice_not_enabled"),
        ("two_endpoints", "configuration"),
        ("no_agreement", "sharing_refused"),
        pytest.param("no_consent", "sharing_refused", marks=pytest.mark.duty("JO-027")),
        ("capability_off", "practice_not_enabled"),
        ("empty_object", "response_invalid"),
        ("other_patient", "response_invalid"),
        ("html_page", "response_invalid"),
        ("cut_json", "response_invalid"),
        ("outcome_as_success", "response_invalid"),
    ],
)
async def test_a_refusal_has_its_own_code_and_no_clinical_data(engine, scenario, code):
    ((kind, event),) = await ask(engine, scenario)
    assert kind == "request.failed.v1"
    assert event["data"]["code"] == code
    assert event["data"]["retryable"] is False
    assert event["data"]["attempts"] == 1
    assert event["data"]["message"]
    assert event["data"]["advice"]
    assert BY_NAME[scenario].nhs_number not in json.dumps(event)
    depth = await engine.depth()
    assert (depth.ready, depth.waiting, depth.dead) == (0, 0, 0)


@pytest.mark.duty("CS-004")
async def test_details_that_do_not_match_pds_end_before_the_practice_is_asked(engine):
    asked_before = len([call for call in engine.sandbox.calls if call.upstream == "practice"])
    number = BY_NAME["rich_record"].nhs_number
    ((kind, event),) = await ask(
        engine,
        "rich_record",
        patient={"nhs_number": number, "birth_date": "1901-01-01", "family_name": "Other"},
    )
    assert (kind, event["data"]["code"]) == ("request.failed.v1", "demographics_mismatch")
    assert len([call for call in engine.sandbox.calls if call.upstream == "practice"]) == asked_before


@pytest.mark.duty("SP-036", "SP-037")
async def test_a_fault_that_passes_is_retried_out_of_sight(engine):
    engine.sandbox.reset()
    for scenario in ("fails_twice", "rate_limited_once", "pds_busy_once", "pds_fails_once", "answer_lost"):
        events = await ask(engine, scenario)
        assert events[-1][0] == "record.completed.v1", scenario


@pytest.mark.duty("SP-037")
@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("always_fails", "provider_error"),
        ("unavailable", "provider_error"),
        ("proxy_timeout", "provider_timeout"),
        ("broken_transfer", "spine_error"),
    ],
)
async def test_a_fault_that_stays_ends_after_three_retries(engine, scenario, code):
    number = BY_NAME[scenario].nhs_number
    before = len(
        [call for call in engine.sandbox.calls if call.nhs_number == number and call.upstream == "proxy"]
    )
    ((kind, event),) = await ask(engine, scenario)
    assert kind == "request.failed.v1"
    assert event["data"]["code"] == code
    assert event["data"]["retryable"] is True
    assert event["data"]["attempts"] == 4
    calls = [call for call in engine.sandbox.calls if call.nhs_number == number and call.upstream == "proxy"]
    assert len(calls) - before == 4


@pytest.mark.duty("SP-032", "SP-061")
async def test_each_try_has_a_token_and_trace_id_of_its_own(engine):
    number = BY_NAME["fails_in_html"].nhs_number
    engine.sandbox.reset()
    await ask(engine, "fails_in_html")
    calls = [call for call in engine.sandbox.calls if call.nhs_number == number and call.upstream == "proxy"]
    assert len(calls) == 4
    assert len({call.trace_id for call in calls}) == 4


async def rejected(engine, correlation_id):
    ((kind, event),) = await engine.hospital.outcome(correlation_id)
    assert kind == "request.rejected.v1"
    async with asyncio.timeout(10):  # the event is out a moment before the message is parked
        while (await engine.depth()).dead != 1:
            await asyncio.sleep(0.05)
    return [fault["field"] for fault in event["data"]["faults"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"not json", "body"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        (b"{}", "data.patient"),
    ],
)
async def test_a_body_that_is_no_request_is_rejected_and_a_dead_letter(engine, body, field):
    calls = len(engine.sandbox.calls)
    correlation_id = await engine.hospital.ask(body, content_type="application/json")
    assert field in await rejected(engine, correlation_id)
    assert len(engine.sandbox.calls) == calls


@pytest.mark.duty("CS-008")
async def test_a_wrong_check_digit_is_rejected_and_nothing_called(engine):
    calls = len(engine.sandbox.calls)
    correlation_id = await engine.hospital.ask(cloud_event(record_request("9990000019")))
    assert await rejected(engine, correlation_id) == ["data.patient.nhs_number"]
    assert len(engine.sandbox.calls) == calls


@pytest.mark.duty("CS-021", "CS-022", "CS-023")
@pytest.mark.parametrize(
    ("areas", "field", "rule"),
    [
        (
            {"consultations": {}, "medications": {"search_from": "2026-01-01"}},
            "data.areas.medications.search_from",
            "cannot be combined with data.areas.consultations",
        ),
        (
            {"consultations": {}, "problems": {"status": "active"}},
            "data.areas.problems.status",
            "cannot be combined with data.areas.consultations",
        ),
        (
            {"diary_entries": {"until": "2020-01-01"}},
            "data.areas.diary_entries.until",
            "must not be in the past",
        ),
        (
            {"consultations": {}, "immunisations": {"include_not_given": True}},
            "data.areas.immunisations.include_not_given",
            "cannot be combined with data.areas.consultations",
        ),
    ],
)
async def test_what_cannot_be_asked_together_is_rejected_with_both_names_and_nothing_called(
    engine, areas, field, rule
):
    calls = len(engine.sandbox.calls)
    correlation_id = await engine.hospital.ask(cloud_event(record_request(areas=areas)))
    assert await rejected(engine, correlation_id) == [field]
    ((_, event),) = await engine.hospital.outcome(correlation_id)
    assert event["data"]["faults"] == [{"field": field, "rule": rule}]
    assert len(engine.sandbox.calls) == calls


@pytest.mark.parametrize("where", ["envelope", "data"])
async def test_an_expired_request_is_rejected_and_nothing_called(engine, where):
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    calls = len(engine.sandbox.calls)
    request = (
        cloud_event(record_request(), expirytime=past)
        if where == "envelope"
        else cloud_event(record_request(expires_at=past))
    )
    assert await rejected(engine, await engine.hospital.ask(request)) == ["expires_at"]
    assert len(engine.sandbox.calls) == calls


async def test_a_request_that_expires_between_tries_fails_as_what_stopped_it(shared):
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    ((kind, event),) = await ask(shared, "always_fails", expires_at=soon)
    assert kind == "request.failed.v1"
    assert event["data"]["code"] in {"provider_error", "request_expired"}
    assert event["data"]["attempts"] < 4


async def test_binary_and_bare_messages_are_taken_as_well(shared):
    data = record_request(BY_NAME["rich_record"].nhs_number)
    event = cloud_event(data)
    headers = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    for number, extra in enumerate((headers, {})):
        identity = f"mode-{number}"
        await shared.hospital.ask(data, content_type="application/json", message_id=identity, headers=extra)
        assert (await shared.hospital.outcome(identity))[-1][0] == "record.completed.v1"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("record.*.json")), ids=lambda path: path.stem)
async def test_the_examples_of_the_documentation_work(shared, file):
    body = file.read_bytes()
    content = json.loads(body)
    content_type = "application/cloudevents+json" if "specversion" in content else "application/json"
    correlation_id = await shared.hospital.ask(
        body, content_type=content_type, message_id=content.get("id", file.stem)
    )
    assert (await shared.hospital.outcome(correlation_id))[-1][0] == "record.completed.v1"


async def test_the_same_request_again_gives_events_with_the_same_ids(engine):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    await engine.hospital.ask(request)
    first = await engine.hospital.outcome(request["id"])
    again = dict(
        request, time="2026-01-01T00:00:00Z", correlationid=request["id"]
    )  # the sender wrote it anew
    engine.hospital.deliveries.clear()
    await engine.hospital.ask(again, message_id=f"{request['id']}-again")
    second = await engine.hospital.outcome(request["id"])
    assert [event["id"] for _, event in first] == [event["id"] for _, event in second]


async def test_an_nhs_number_stands_in_event_data_only(engine):
    number = BY_NAME["rich_record"].nhs_number
    await ask(engine, "rich_record")
    for deliveries in engine.hospital.deliveries.values():
        for delivery in deliveries:
            event = json.loads(delivery.body)
            outside = {name: value for name, value in event.items() if name != "data"}
            assert number not in json.dumps(outside)
            assert (
                number
                not in f"{delivery.id} {delivery.key} {delivery.correlation_id} {dict(delivery.headers)}"
            )


async def test_the_kill_switch_stops_retries_at_once(engine):
    switch = engine.settings.state_dir / "stop-retries"
    number = BY_NAME["always_fails"].nhs_number
    before = len(engine.sandbox.calls.of("proxy"))
    request = cloud_event(record_request(number))
    await engine.hospital.ask(request)
    async with asyncio.timeout(20):  # it waits for its first retry
        while (await engine.depth()).waiting != 1:
            await asyncio.sleep(0.02)
    switch.write_text("structured_record\n")
    ((kind, event),) = await engine.hospital.outcome(request["id"])
    assert kind == "request.failed.v1"
    assert (event["data"]["code"], event["data"]["detail"]) == ("provider_error", "retries_stopped")
    assert len(engine.sandbox.calls.of("proxy")) - before == 1
    switch.unlink()


async def test_figures_know_what_the_broker_holds_and_who_takes_from_it(engine):
    queues = {each.name: each.queue(engine.settings.bus.prefix) for each in installed_pipelines([])}
    for queue in queues.values():
        await engine.bus.declare(queue)
    await ask(engine, "rich_record", areas={"horoscopes": {}})
    while (seen := await look_at_bus(engine.bus, queues)).depths["structured_record"].dead == 0:
        await asyncio.sleep(0.05)
    assert seen.attended == {name: name == "structured_record" for name in queues}
    assert {name: (depth.ready, depth.waiting) for name, depth in seen.depths.items()} == dict.fromkeys(
        queues, (0, 0)
    )
