"""Documents of a structured record: they come with what names them, and stand in no list of their own."""

import json
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from bridge.areas.publishing import areas_published, record_events
from bridge.areas.requests import Areas
from bridge.areas.table import AREAS
from bridge.operations.asyncapi import message_schemas
from bridge.pipelines.installed import installed_pipelines
from tests.support import bundles as b
from tests.support.mapped import area, mapped
from tests.support.whole_record import encounter, secondary, whole_record

ROOT = "https://documents.example.nhs.uk/A99999/STU3/1/gpconnect/documents"
VISITS = "1149501000000101"
LARGE = 30 * 1024 * 1024
DISABLED = "DocumentReferences has been disabled"
NOPAT = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}


def reference(local_id="d1", **overrides):
    attachment = {"contentType": "application/pdf", "url": f"{ROOT}/Binary/{local_id}", "size": 1234}
    return b.built(
        {
            "resourceType": "DocumentReference",
            "id": local_id,
            "identifier": b.identifier(f"do-{local_id}"),
            "status": "current",
            "type": {"text": "Letter"},
            "subject": b.reference("Patient/p1"),
            "indexed": "2026-02-03T10:15:00+00:00",
            "content": [{"attachment": attachment}],
        },
        overrides,
    )


def record_of(*sent, areas: Any = None):
    bundle = b.record(b.record_list(VISITS, "Encounter/e1"), encounter(), *sent)
    return mapped(bundle, areas={"consultations": {}} if areas is None else areas)


def one(**overrides):
    (found,) = record_of(reference(**overrides))["documents"]
    return found


def test_one_in_no_list_is_shown_and_nothing_is_wrong_with_it():
    record = record_of(reference())
    (found,) = record["documents"]
    assert found["linked_only"] is True
    assert found["issue_codes"] == []
    told = area(record, "documents")
    assert (told["outcome"], told["linked"], told["listed"], told["mapped"]) == ("not_requested", 1, 0, 0)


def test_one_that_a_list_names_stands_once():
    named = secondary("consultations-documents-contained-in-consultations", "DocumentReference/d1")
    record = record_of(reference(), named, reference("d2"))
    assert sorted(each["item_id"][-2:] for each in record["documents"]) == ["d1", "d2"]


@pytest.mark.duty("DO-025")
def test_a_placeholder_of_any_size_exists_and_says_why_it_is_not_available():
    attachment = {"contentType": "video/mpeg", "size": LARGE, "title": "File is larger than 5 MB"}
    found = one(content=[{"attachment": attachment}])
    assert found["retrievable"] is False
    assert found["unavailable_reason"] == "File is larger than 5 MB"
    assert found["size_bytes"] == LARGE
    assert "location" not in found


@pytest.mark.parametrize(
    "address", [f"{ROOT}/Binary/1?x=%20", "file://localhost/a.txt", "HTTP://elsewhere.example/1"]
)
def test_its_address_is_passed_on_as_sent(address):
    attachment = {"contentType": "text/plain", "url": address}
    assert one(content=[{"attachment": attachment}])["location"] == address


@pytest.mark.duty("DO-016")
@pytest.mark.parametrize("place", ["securityLabel", "meta"])
def test_one_that_is_not_for_the_patient_says_so(place):
    labels: dict[str, Any] = {"securityLabel": [{"coding": [NOPAT]}], "meta": {"security": [NOPAT]}}
    assert one(**{place: labels[place]})["not_for_patient"] is True
    assert one()["not_for_patient"] is False


def test_what_it_belongs_to_leads_there():
    found = one(
        context={
            "encounter": b.reference("Encounter/e1"),
            "related": [{"ref": b.reference("Observation/gone")}],
        }
    )
    assert found["consultation"]["in_record"] is True
    assert found["consultation"]["item_id"].endswith("en-e1")
    assert found["related"][0]["reference"] == "Observation/gone"


def test_a_practice_that_has_switched_documents_off_is_told_of():
    record = record_of(b.outcome(("DocumentReferences", DISABLED)))
    told = area(record, "documents")
    assert (told["outcome"], told["note"]) == ("not_supported", DISABLED)


@pytest.mark.parametrize("wanted", ["diary_entries", "consultations"])
def test_they_come_with_whatever_may_name_them(wanted):
    fields: Any = mapped(whole_record(), areas={wanted: {}})
    assert [each["linked_only"] for each in fields["documents"]] == [True]


def test_they_do_not_come_with_what_never_names_them():
    record = mapped(whole_record(), areas={"medications": {}, "allergies": {}})
    assert record["documents"] == []


def test_nobody_can_ask_for_them():
    assert "documents" not in Areas.model_fields
    assert next(each for each in AREAS.areas if each.name == "documents").options is None


def test_they_are_published_as_the_schema_says_and_not_where_there_are_none():
    wanted = Areas.model_validate({"consultations": {}})
    [published] = [
        each
        for each in areas_published(record_of(reference()), wanted)
        if each.kind == "documents.published.v1"
    ]
    schema = message_schemas(installed_pipelines(["structured_record"]))[published.kind]
    Draft202012Validator(schema).validate(json.loads(orjson.dumps(published.data)))
    assert published.kind in record_events()
    kinds = {each.kind for each in areas_published(record_of(), wanted)}
    assert "documents.published.v1" not in kinds


def test_the_newest_comes_first():
    record = record_of(reference("d1", created="2019"), reference("d2", created="2024-05-01"))
    assert [each["item_id"][-2:] for each in record["documents"]] == ["d2", "d1"]
