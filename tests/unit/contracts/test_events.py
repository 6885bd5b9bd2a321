"""Each field of the events of a record says what the record says, and nothing else."""

from dataclasses import replace

import orjson
import pytest

from bridge.areas import map_record
from bridge.areas.allergies.events import allergies_published
from bridge.areas.events import content_hash, record_completed
from bridge.areas.medications.events import medications_published
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.contracts.events import to_write
from bridge.mapping import Asked, Source
from bridge.sandbox import BY_NAME
from bridge.sandbox.structured.parameters import ALLERGIES, MEDICATION, Query

UNMAPPED = [
    {"source_ref": "A/1", "reason": "malformed", "detail": "x", "area": "medications"},
    {"source_ref": "A/2", "reason": "malformed", "detail": "x", "area": "allergies"},
    {"source_ref": "A/3", "reason": "malformed", "detail": "x", "area": "ended_allergies"},
    {"source_ref": "A/4", "reason": "unknown_type", "detail": "x"},
]


@pytest.fixture
def record():
    scenario = BY_NAME["rich_record"]
    bundle = scenario.record()
    assert bundle is not None
    query = Query(scenario.nhs_number, (ALLERGIES, MEDICATION), parts=(("includeResolvedAllergies", True),))
    source = Source(
        request_id="r", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64, patient_key="0" * 32
    )
    found = map_record(bundle.answer(query), asked=Asked(nhs_number=scenario.nhs_number), source=source)
    return {**found, "unmapped": UNMAPPED}


def refs(event):
    return [entry["source_ref"] for entry in event.data["unmapped"]]


def test_what_could_not_be_read_stands_with_its_area_and_without_one_everywhere(record):
    medications, allergies = medications_published(record, MedicationOptions()), allergies_published(record)
    assert refs(medications) == ["A/1", "A/4"]
    assert refs(allergies) == ["A/2", "A/3", "A/4"]
    assert refs(record_completed(record, [medications, allergies], request_id="r")) == [
        "A/1",
        "A/2",
        "A/3",
        "A/4",
    ]


@pytest.mark.parametrize("asked", [True, False])
def test_issues_included_is_what_was_asked_for(record, asked):
    event = medications_published(record, MedicationOptions(include_issues=asked))
    assert event.data["issues_included"] is asked


def test_each_area_is_its_own(record):
    areas = {area["area"]: area for area in record["areas"]}
    assert medications_published(record, MedicationOptions()).data["area"] == areas["medications"]
    event = allergies_published(record)
    assert event.data["area"] == areas["allergies"]
    assert event.data["ended_area"] == areas["ended_allergies"]
    assert event.data["area"] != event.data["ended_area"]


@pytest.mark.duty("CS-084")
@pytest.mark.parametrize("blocks", [[], [False, False], [False, True], [True, False]])
def test_one_allergy_without_a_usable_code_blocks_prescribing(record, blocks):
    items = [{**record["allergies"][0], "requires_prescribing_block": each} for each in blocks]
    assert allergies_published(record | {"allergies": items}).data["requires_prescribing_block"] is any(
        blocks
    )


@pytest.mark.parametrize(
    "name",
    [
        "snapshot_id",
        "nhs_number",
        "patient_key",
        "source_label",
        "retrieved_at",
        "source_hash",
        "demographics",
        "issues",
    ],
)
def test_every_event_of_a_record_repeats_its_header(record, name):
    parts = [medications_published(record, MedicationOptions()), allergies_published(record)]
    for event in [*parts, record_completed(record, parts, request_id="r")]:
        assert event.data[name] == record[name]


def test_items_problems_statement_and_hashes_are_the_records(record):
    medications, allergies = medications_published(record, MedicationOptions()), allergies_published(record)
    for event, area in ((medications, "medications"), (allergies, "allergies")):
        assert event.data["items"] == record[area]
        assert event.data["content_hash"] == content_hash(record[area])
        assert event.data["linked_problems"] == record["linked_problems"]
    assert allergies.data["allergy_statement"] == record["allergy_statement"]
    manifest = record_completed(record, [medications, allergies], request_id="r").data
    assert [(part["kind"], part["items"], part["content_hash"]) for part in manifest["parts"]] == [
        (event.kind, len(event.data["items"]), event.data["content_hash"])
        for event in (medications, allergies)
    ]
    assert manifest["areas"] == record["areas"]
    assert manifest["counts"] == record["counts"]


def test_what_is_written_once_is_what_each_event_says(record):
    wanted = Areas.model_validate({"medications": {}, "allergies": {}, "diary_entries": {}})
    parts = areas_published(record, wanted)
    events = [*parts, record_completed(record, parts, request_id="r")]
    assert [sorted(event.written) for event in events] == [["issues", "items", "linked_problems"]] * 4
    for event in events:
        said = {name: json for name, (value, json) in event.written.items() if event.data.get(name) is value}
        assert {name: orjson.dumps(event.data[name]) for name in said} == said
        assert orjson.dumps(to_write(event.data, event.written)) == orjson.dumps(event.data)
        assert (event, repr(event)) == ((unwritten := replace(event, written={})), repr(unwritten))
    assert all(event.written["issues"] is events[0].written["issues"] for event in events)


def test_what_is_known_not_to_be_allergic_is_said_by_its_kinds(record):
    assert allergies_published(record).data["no_known_allergy_kinds"] == []
    record["no_known_allergy_kinds"] = ["food", "latex"]
    assert allergies_published(record).data["no_known_allergy_kinds"] == ["food", "latex"]
