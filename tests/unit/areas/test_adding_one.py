"""An area of its own folder, put into a table, is asked for, mapped, accounted for, published and described."""

import json

import orjson
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from bridge.areas import map_record
from bridge.areas.events import record_completed
from bridge.areas.publishing import areas_published, record_events
from bridge.areas.requests import areas_model, record_request
from bridge.areas.spec import AreaTable
from bridge.gpconnect.structured import structured_parameters
from bridge.mapping import Asked
from bridge.operations.asyncapi import asyncapi_document, message_schemas
from bridge.pipelines import Pipeline, pipeline
from bridge.sandbox.structured.parameters import read_query
from pipelines.structured_record import structured_record
from tests.contract.golden.areas import TWO_AREAS
from tests.support import bundles as b
from tests.support.mapped import SOURCE, area
from tests.unit.areas.immunisations.events import IMMUNISATIONS_PUBLISHED
from tests.unit.areas.immunisations.spec import IMMUNISATIONS

LIST = "1102181000000102"
TABLE = AreaTable(areas=(*TWO_AREAS.areas, IMMUNISATIONS), others=TWO_AREAS.others)
Areas = areas_model(TABLE)
EVERYTHING = Areas.model_validate({"medications": {}, "allergies": {}, "immunisations": {}})


def immunisation(local_id, **fields):
    return {
        "resourceType": "Immunization",
        "id": local_id,
        "patient": {"reference": "Patient/p1"},
        "vaccineCode": {"text": "Influenza vaccination"},
        **fields,
    }


def record_of(*resources, areas=EVERYTHING, table=TABLE):
    bundle = b.typical_record()
    bundle["entry"] += [{"resource": each} for each in resources]
    asked = Asked(nhs_number=b.NHS_NUMBER, areas=areas.options())
    return map_record(bundle, asked=asked, source=SOURCE, table=table)


def test_it_is_asked_for_in_a_request_and_of_the_practice():
    areas = Areas.model_validate({"immunisations": {"include_not_given": False}})
    body = orjson.loads(structured_parameters(b.NHS_NUMBER, areas.parameters()))
    assert body["parameter"][1:] == [
        {"name": "includeImmunisations", "part": [{"name": "includeNotGiven", "valueBoolean": False}]}
    ]
    assert read_query(body, version="1.6.2").areas == ("includeImmunisations",)


@pytest.mark.parametrize("areas", [{}, {"immunisations": {"not_an_option": True}}, {"unheard_of": {}}])
def test_what_cannot_be_asked_is_refused(areas):
    with pytest.raises(ValidationError):
        Areas.model_validate(areas)


def test_it_is_mapped_and_every_resource_is_accounted_for():
    record = record_of(b.record_list(LIST, "i1", "Immunization/i2"), immunisation("i1"), immunisation("i2"))
    assert [each["procedure"]["term"] for each in record["immunisations"]] == ["Influenza vaccination"] * 2
    found = area(record, "immunisations")
    assert (found["outcome"], found["complete"]) == ("items", True)
    assert (found["listed"], found["mapped"], found["received"]) == (2, 2, 2)
    without = record_of(b.record_list(LIST), table=TWO_AREAS)
    assert record["accounting"]["mapped"] == without["accounting"]["mapped"] + 2
    assert record["accounting"]["not_requested"] == without["accounting"]["not_requested"]


def test_one_that_cannot_be_read_costs_itself_and_its_area_is_not_complete():
    broken = immunisation("i2")
    del broken["vaccineCode"]
    record = record_of(b.record_list(LIST, "Immunization/i1", "Immunization/i2"), immunisation("i1"), broken)
    assert [each["source_ref"] for each in record["unmapped"]] == ["Immunization/i2"]
    assert len(record["immunisations"]) == 1
    assert not area(record, "immunisations")["complete"]


def test_what_a_practice_cannot_send_is_told_of_it():
    record = record_of(b.outcome(("includeImmunisations", "switched off")))
    assert area(record, "immunisations")["outcome"] == "not_supported"
    part = record_of(b.record_list(LIST), b.outcome(("includeImmunisations.includeNotGiven", "no such part")))
    assert "no such part" in area(part, "immunisations")["note"]


def test_contested_ids_and_what_is_in_no_list_are_told():
    record = record_of(
        b.record_list(LIST, "Immunization/i1"),
        *[immunisation("i1", status=status) for status in ("completed", "not-done")],
    )
    assert all("duplicate_id" in each["issue_codes"] for each in record["immunisations"])
    assert not area(record, "immunisations")["complete"]


def test_its_items_count_for_the_snapshot():
    one, other = (record_of(b.record_list(LIST), immunisation("i1", date=day)) for day in ("2020", "2021"))
    assert one["snapshot_id"] != other["snapshot_id"]


def test_where_nobody_asked_for_it_the_record_says_so():
    areas = areas_model(TWO_AREAS).model_validate({"medications": {}, "allergies": {}})
    record = record_of(areas=areas)
    assert area(record, "immunisations")["outcome"] == "not_requested"


def test_it_is_published_and_named_in_the_manifest():
    record = record_of(b.record_list(LIST, "Immunization/i1"), immunisation("i1"))
    parts = areas_published(record, EVERYTHING)
    assert [each.kind for each in parts][-1] == IMMUNISATIONS_PUBLISHED
    manifest = record_completed(record, parts, request_id="request-1")
    assert manifest.data["parts"][-1]["kind"] == IMMUNISATIONS_PUBLISHED
    assert manifest.data["parts"][-1]["items"] == 1
    schemas = message_schemas([with_immunisations()])
    for event in (*parts, manifest):
        Draft202012Validator(schemas[event.kind]).validate(json.loads(orjson.dumps(event.data)))


def test_it_is_described_in_schemas_and_in_the_document_of_the_bus():
    schemas = message_schemas([with_immunisations()])
    asked = schemas["record.requested.v1"]["$defs"]
    assert list(asked["Areas"]["properties"]) == ["medications", "allergies", "immunisations"]
    assert "include_not_given" in asked["ImmunisationOptions"]["properties"]
    document = asyncapi_document([with_immunisations()], prefix="gpconnect", type_prefix="example")
    assert IMMUNISATIONS_PUBLISHED in document["channels"]


def with_immunisations() -> Pipeline:
    """The product's own pipeline, its handler unchanged, with another table."""
    [operation] = structured_record.operations
    declare = pipeline(
        name="structured_record",
        accepts=operation.accepts,
        request=record_request(TABLE),
        publishes=record_events(TABLE),
    )
    return declare(operation.handler)
