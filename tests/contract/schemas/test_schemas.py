"""What is published keeps the schema that is published with it; the schemas come from the code."""

import json
import re
import sys
import typing
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from bridge.areas import GpRecord, map_record
from bridge.areas.allergies.events import allergies_published
from bridge.areas.events import record_completed
from bridge.areas.medications.events import medications_published
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.table import AREAS
from bridge.contracts.events import EVENT_TYPES, request_failed, request_rejected
from bridge.contracts.glossary import GLOSSARY
from bridge.contracts.schemas import schema_of, strict_schema_of
from bridge.errors import FailureCode, Misconfigured, Refused, RequestRejected
from bridge.mapping import Asked, Source
from bridge.operations.asyncapi import message_schemas
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings.table import RENDERINGS
from bridge.sandbox import SCENARIOS
from bridge.sandbox.structured.parameters import ALLERGIES, MEDICATION, Query
from tests.support.json_schemas import objects, references
from tests.support.requests import cloud_event, record_request

EXAMPLES = Path(__file__).parents[3] / "pipelines" / "examples"
KINDS = {
    "cloudevent",
    "gp-record",
    "record.requested.v1",
    "medications.published.v1",
    "allergies.published.v1",
    "record.completed.v1",
    "care_record.requested.v1",
    "care_record.section.published.v1",
    "care_record.completed.v1",
    "request.failed.v1",
    "request.rejected.v1",
}
READ = {operation.accepts for pipeline in installed_pipelines() for operation in pipeline.operations}
WRITTEN = {
    "gp-record": GpRecord,
    **{area.changed_kind: area.changed for area in AREAS.areas},
    **EVENT_TYPES,
    **{topic: model for spec in RENDERINGS.values() for topic, model in spec.data.items()},
    **{
        kind: model
        for pipeline in installed_pipelines()
        for operation in pipeline.operations
        for kind, model in operation.publishes.items()
    },
}
RECORDS = [scenario for scenario in SCENARIOS if scenario.case and scenario.name != "enormous"]


@cache
def schemas():
    """By kind. Made when they are looked at: each process of a run reads this file, and one of them its tests."""
    return message_schemas(installed_pipelines())


@cache
def strict(kind):
    return strict_schema_of(WRITTEN[kind])


def faults(kind, data):
    """Where `data`, as it travels, breaks the schema of its kind: for what we write the strict one."""
    validator = Draft202012Validator(
        strict(kind) if kind in WRITTEN else schemas()[kind], format_checker=FormatChecker()
    )
    as_sent = json.loads(json.dumps(data))
    return [f"{error.json_path}: {error.validator}" for error in validator.iter_errors(as_sent)]


def mapped(scenario, **asked):
    query = Query(scenario.nhs_number, (ALLERGIES, MEDICATION), parts=(("includeResolvedAllergies", True),))
    return map_record(
        scenario.record().answer(query),
        asked=Asked(nhs_number=scenario.nhs_number, **asked),
        source=Source(
            request_id="request-1",
            retrieved_at="2026-11-22T09:00:00Z",
            body_sha256="0" * 64,
            patient_key="0" * 32,
        ),
    )


def events(record):
    parts = [medications_published(record, MedicationOptions()), allergies_published(record)]
    return [*parts, record_completed(record, parts, request_id="request-1")]


def test_there_is_one_for_everything_that_travels():
    assert set(schemas()) == {*READ, *WRITTEN, "cloudevent"}
    assert set(schemas()) >= KINDS


@pytest.mark.parametrize("kind", sorted({*READ, *WRITTEN, "cloudevent"}))
def test_it_is_json_schema_2020_12_with_a_name_of_its_own(kind):
    schema = schemas()[kind]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"{kind}.json"
    assert schema["description"]
    for reference in references(schema):
        assert re.fullmatch(r"#/\$defs/\w+", reference)
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


@pytest.mark.parametrize("kind", sorted(READ))
def test_a_request_has_no_field_that_its_schema_does_not_name(kind):
    assert {part.get("additionalProperties") for part in objects(schemas()[kind])} == {False}


@pytest.mark.parametrize("kind", sorted({*WRITTEN, "cloudevent"}))
def test_whoever_reads_with_the_schema_of_today_takes_the_fields_of_tomorrow(kind):
    assert {part.get("additionalProperties") for part in objects(schemas()[kind])} <= {None, True}


@pytest.mark.parametrize("kind", sorted(WRITTEN))
def test_what_we_write_has_no_field_that_it_does_not_name(kind):
    assert {part.get("additionalProperties") for part in objects(strict(kind))} == {False}


@pytest.mark.parametrize("kind", sorted({*READ, *WRITTEN, "cloudevent"}))
def test_every_field_is_described(kind):
    missing = {
        f"{part.get('title')}.{name}"
        for part in objects(schemas()[kind])
        for name, field in part["properties"].items()
        if not field.get("description")
    }
    assert missing == set(), "a docstring under the field, or an entry in bridge/contracts/glossary.py"


def test_the_glossary_explains_only_fields_that_there_are():
    types = {
        (part.get("title"), name)
        for schema in schemas().values()
        for part in objects(schema)
        for name in part["properties"]
    }
    known = {f"{title}.{name}" for title, name in types} | {name for _, name in types}
    assert set(GLOSSARY) - known == set()


def test_prescriptions_issued_and_remarks_on_quality_are_told_apart():
    plan = schemas()["medications.published.v1"]["$defs"]["MedicationPlan"]["properties"]["issues"]
    remarks = schemas()["medications.published.v1"]["properties"]["issues"]
    assert plan["description"] != remarks["description"]
    assert "ended" in schemas()["allergies.published.v1"]["properties"]["ended_area"]["description"]


def test_a_field_keeps_the_words_of_the_type_that_it_is_inherited_from():
    header = schemas()["patient.found.v1"]["properties"]
    assert header["practice_ods_code"]["description"] == "The practice that was asked."


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Pydantic reads this TypedDict from Python 3.12 on")
def test_a_type_that_no_schema_can_be_made_of_is_named_with_what_to_do():
    class Names(typing.TypedDict):
        names: list[str]

    with pytest.raises(Misconfigured, match=r"^wristband\.ready\.v1: .*typing_extensions"):
        schema_of(Names, "wristband.ready.v1")


@pytest.mark.parametrize("scenario", RECORDS, ids=lambda scenario: scenario.name)
def test_events_and_records_of_the_scenarios_keep_their_schemas(scenario):
    record = mapped(scenario)
    assert faults("gp-record", record) == []
    for event in events(record):
        assert faults(event.kind, event.data) == [], event.kind


def test_events_about_details_that_differ_and_a_superseded_number_keep_their_schemas():
    superseding = next(scenario for scenario in RECORDS if scenario.name == "rich_record")
    record = mapped(
        superseding,
        superseded_nhs_number="9990000395",
        family_name="Other",
        given_name="Other",
        birth_date=None,
        gender="other",
        practice_ods="A00001",
    )
    assert record["demographics"]["differences"]
    for event in events(record):
        assert event.data["superseded_nhs_number"] == "9990000395"
        assert faults(event.kind, event.data) == [], event.kind


def test_an_event_with_one_field_too_many_or_too_few_breaks_its_schema():
    for event in events(mapped(RECORDS[0])):
        assert faults(event.kind, {**event.data, "surprise": 1}) == ["$: additionalProperties"]
        for name in ("nhs_number", "retrieved_at", "source_label", "demographics"):
            less = {key: value for key, value in event.data.items() if key != name}
            assert faults(event.kind, less) == ["$: required"], name


@pytest.mark.parametrize("code", FailureCode)
@pytest.mark.parametrize("detail", ["", "provider: PATIENT_NOT_FOUND"])
def test_every_failure_keeps_its_schema(code, detail):
    event = request_failed(Refused(code, stage="provider", detail=detail), attempts=1)
    assert faults(event.kind, event.data) == []


def test_a_rejection_keeps_its_schema():
    event = request_rejected(RequestRejected("data.areas", "must name one", more=[("id", "is missing")]))
    assert faults(event.kind, event.data) == []


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_the_examples_keep_their_schemas(file):
    content = json.loads(file.read_text())
    kind = "record.requested.v1"
    if "specversion" in content:
        assert faults("cloudevent", content) == []
        kind, content = content["type"].removeprefix("uk.nhs.gpconnect."), content["data"]
    assert faults(kind, content) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": "research"},
        {"areas": {"medications": {"search_form": "2020-01-01"}}},
        {"areas": {"vaccinations": {}}},
        {"patient": {"nhs_number": "999"}},
        {"practice_ods_code": "a99999"},
        {"requested_by": None},
    ],
)
def test_a_request_that_the_engine_would_reject_for_its_form_breaks_the_schema(wrong):
    assert faults("record.requested.v1", record_request()) == []
    assert faults("record.requested.v1", record_request(**wrong)) != []


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_an_envelope_needs_its_attributes(name):
    event = cloud_event(record_request())
    assert faults("cloudevent", event) == []
    assert faults("cloudevent", {key: value for key, value in event.items() if key != name}) == [
        "$: required"
    ]
