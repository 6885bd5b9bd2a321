"""What items name of each other, and what is in a record only because something else was asked for."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from bridge.areas import map_record
from bridge.areas.events import record_completed
from bridge.areas.publishing import areas_published
from bridge.areas.requests import areas_model
from bridge.areas.spec import AreaTable
from bridge.contracts.schemas import schema_of
from bridge.mapping import Asked
from tests.contract.golden.areas import TWO_AREAS
from tests.support import bundles as b
from tests.support.mapped import SOURCE, area
from tests.unit.areas.immunisations.spec import IMMUNISATIONS
from tests.unit.areas.letters import LETTERS, LETTERS_PUBLISHED
from tests.unit.areas.visits import VISITS, VisitsPublished

IMMUNISATION_LIST = "1102181000000102"
VISIT_LIST = "1149501000000101"
TABLE = AreaTable(areas=(*TWO_AREAS.areas, IMMUNISATIONS, VISITS, LETTERS), others=TWO_AREAS.others)
Areas = areas_model(TABLE)


def visit(local_id="e1", **fields):
    return {
        "resourceType": "Encounter",
        "id": local_id,
        "identifier": b.identifier(local_id),
        "subject": {"reference": "Patient/p1"},
        **fields,
    }


def content(*items, of="e1"):
    return b.record_list(
        "24781000000107",
        id="l1",
        encounter={"reference": f"Encounter/{of}"},
        entry=[{"item": i} for i in items],
    )


def immunisation(local_id="i1", **fields):
    return {
        "resourceType": "Immunization",
        "id": local_id,
        "identifier": b.identifier(local_id),
        "patient": {"reference": "Patient/p1"},
        "vaccineCode": {"text": "Influenza vaccination"},
        **fields,
    }


def record_of(*resources, areas=("visits",), bundle=None, **options):
    bundle = b.record() if bundle is None else bundle
    bundle["entry"] += [
        {"resource": each} for each in (b.record_list(VISIT_LIST, "Encounter/e1"), *resources)
    ]
    wanted = Areas.model_validate({name: options.get(name, {}) for name in areas})
    return map_record(
        bundle, asked=Asked(nhs_number=b.NHS_NUMBER, areas=wanted.options()), source=SOURCE, table=TABLE
    )


def link_to(reference, *resources, **fields):
    record = record_of(visit(), content({"reference": reference, **fields}), *resources)
    [[link]] = [each["items"] for each in record["visits"]]
    return link


def test_a_link_leads_to_the_item_by_its_id():
    link = link_to("Immunization/i1", immunisation(), display="Flu")
    assert link == {
        "kind": "immunisation",
        "in_record": True,
        "source_ref": "Immunization/i1",
        "item_id": f"{b.DATA}|i1",
        "display": "Flu",
    }


@pytest.mark.parametrize(
    "reference",
    ["i1", " Immunization/i1 ", "Immunization/Immunization/i1", "https://gp.example/x/Immunization/i1"],
)
def test_a_reference_is_read_in_whatever_form_it_comes(reference):
    assert link_to(reference, immunisation())["item_id"] == f"{b.DATA}|i1"


def test_a_bare_id_of_several_resources_leads_nowhere():
    link = link_to("i1", immunisation(), b.practitioner("i1"))
    assert link == {"kind": "unknown", "in_record": False, "reference": "i1"}


def test_what_was_not_sent_is_told_by_its_reference():
    link = link_to("Immunization/gone")
    assert link == {"kind": "immunisation", "in_record": False, "reference": "Immunization/gone"}


def test_a_placeholder_keeps_its_words():
    record = record_of(visit(), content({"display": "Referral items have been disabled."}))
    [[link]] = [each["items"] for each in record["visits"]]
    words = "Referral items have been disabled."
    assert link == {"kind": "unknown", "in_record": False, "display": words}


def test_what_is_of_no_area_is_no_item():
    link = link_to("Practitioner/dr1")
    assert link == {"kind": "other", "in_record": False, "source_ref": "Practitioner/dr1"}


def test_of_several_resources_with_one_id_which_is_meant_cannot_be_told():
    record = record_of(
        visit(),
        content({"reference": "Immunization/i1"}),
        immunisation(),
        immunisation(vaccineCode={"text": "Another"}),
    )
    [[link]] = [each["items"] for each in record["visits"]]
    assert link == {"kind": "immunisation", "in_record": True, "source_ref": "Immunization/i1"}
    assert "duplicate_id" in record["visits"][0]["issue_codes"]


def test_a_list_of_a_visit_leads_to_that_visit():
    link = link_to("List/l1")
    assert (link["kind"], link["item_id"]) == ("consultation", f"{b.DATA}|e1")
    assert link["source_ref"] == "List/l1"


def test_parts_of_an_item_are_led_to_by_their_own_ids():
    bundle = b.typical_record()
    record = record_of(
        visit(),
        content({"reference": "MedicationRequest/order1"}),
        bundle=bundle,
        areas=("visits", "medications"),
    )
    [[link]] = [each["items"] for each in record["visits"]]
    issues = record["medications"][0]["plan"]["issues"]
    ids = {each["provenance"]["source_ref"]: each["item_id"] for each in issues}
    assert (link["kind"], link["item_id"]) == ("medication", ids["MedicationRequest/order1"])


def test_what_is_contained_is_led_to():
    contained = {"resourceType": "Practitioner", "id": "x"}
    named = content({"reference": "#x"}, {"reference": "#y"})
    record = record_of(visit(contained=[contained]), named)
    [links] = [each["items"] for each in record["visits"]]
    assert links == [
        {"kind": "other", "in_record": False, "source_ref": "Encounter/e1#x"},
        {"kind": "unknown", "in_record": False, "reference": "#y"},
    ]


@pytest.mark.parametrize(
    ("contained", "path", "kind"),
    [
        (3, "contained", "unknown"),
        ({"resourceType": {"code": "Practitioner"}, "id": "x"}, "contained.resourceType", "other"),
        ({"resourceType": "Practitioner", "id": {"value": "x"}}, "contained.id", "unknown"),
    ],
)
def test_what_is_contained_and_cannot_be_told_is_named_by_its_path(contained, path, kind):
    record = record_of(visit(contained=[contained]), content({"reference": "#x"}))
    [[link]] = [each["items"] for each in record["visits"]]
    assert link["kind"] == kind
    assert [(each["code"], each["source_ref"], each["path"]) for each in record["issues"]] == [
        ("unreadable_element", "Encounter/e1", path)
    ]


def test_what_came_along_counts_for_nothing_of_its_area():
    record = record_of(visit(), content({"reference": "Immunization/i1"}), immunisation())
    [item] = record["immunisations"]
    assert item["linked_only"]
    assert "not_in_list" not in item["issue_codes"]
    found = area(record, "immunisations")
    assert (found["outcome"], found["complete"], found["mapped"], found["linked"]) == (
        "not_requested",
        False,
        0,
        1,
    )
    assert "linked_only" not in record["visits"][0]


def test_beside_what_was_asked_for_it_does_not_make_its_area_incomplete():
    record = record_of(
        visit(),
        content({"reference": "Immunization/i2"}),
        b.record_list(IMMUNISATION_LIST, "Immunization/i1"),
        immunisation(),
        immunisation("i2"),
        areas=("visits", "immunisations"),
    )
    by_ref = {each["provenance"]["source_ref"]: each for each in record["immunisations"]}
    assert by_ref["Immunization/i2"]["linked_only"]
    assert "linked_only" not in by_ref["Immunization/i1"]
    found = area(record, "immunisations")
    assert (found["complete"], found["listed"], found["mapped"], found["linked"]) == (True, 1, 1, 1)
    assert area(record, "visits")["complete"]


def test_a_secondary_list_tells_it_too():
    record = record_of(
        visit(),
        secondary("visits-immunisations-contained-in-visits", "Immunization/i1"),
        b.record_list(IMMUNISATION_LIST),
        immunisation(),
        areas=("visits", "immunisations"),
    )
    assert record["immunisations"][0]["linked_only"]
    assert area(record, "immunisations")["outcome"] == "nothing_recorded"


def test_what_nothing_names_is_not_in_its_list():
    record = record_of(
        visit(), b.record_list(IMMUNISATION_LIST), immunisation(), areas=("visits", "immunisations")
    )
    [item] = record["immunisations"]
    assert "not_in_list" in item["issue_codes"]
    assert "linked_only" not in item
    assert not area(record, "immunisations")["complete"]


def test_a_medication_that_came_along_is_not_missing_from_its_list():
    bundle = b.typical_record()
    [listed] = (each for each in bundle["entry"] if "933361000000108" in orjson.dumps(each).decode())
    listed["resource"] |= {"entry": [], **b.record_list(b.MEDICATIONS_LIST)}
    record = record_of(
        visit(),
        content({"reference": "MedicationRequest/plan1"}),
        bundle=bundle,
        areas=("visits", "medications", "allergies"),
    )
    [course] = record["medications"]
    assert course["linked_only"]
    assert "not_in_list" not in course["issue_codes"]
    assert all(issue["code"] != "not_in_list" for issue in record["issues"])


def test_where_nothing_that_was_asked_for_brings_others_they_are_not_read():
    record = record_of(visit(), immunisation(), areas=("medications",))
    assert record["immunisations"] == record["visits"] == []
    assert record["accounting"]["not_requested"] == 2
    assert area(record, "visits")["outcome"] == "not_requested"


def test_where_nobody_said_what_was_asked_the_lists_that_came_tell():
    bundle = b.record(b.record_list(IMMUNISATION_LIST, "Immunization/i1"), immunisation(), visit())
    record: Any = map_record(bundle, asked=Asked(), source=SOURCE, table=TABLE)
    assert len(record["immunisations"]) == 1
    assert record["visits"] == []
    assert area(record, "immunisations")["outcome"] == "items"
    assert area(record, "medications")["outcome"] == "list_absent"


def test_what_came_along_is_published_and_named_in_the_manifest():
    wanted = Areas.model_validate({"visits": {}})
    record = record_of(visit(), content({"reference": "Immunization/i1"}), immunisation())
    parts = areas_published(record, wanted)
    assert [each.kind for each in parts] == ["immunisations.published.v1", "visits.published.v1"]
    manifest = record_completed(record, parts, request_id="r1")
    assert [each["kind"] for each in manifest.data["parts"]] == [each.kind for each in parts]
    schema = schema_of(VisitsPublished, "visits")
    Draft202012Validator(schema).validate(json.loads(orjson.dumps(parts[1].data)))


def test_everything_is_the_same_in_another_order():
    resources = (
        visit(),
        content({"reference": "Immunization/i1"}, {"reference": "i2"}),
        immunisation(),
        immunisation("i2"),
    )
    one, other = record_of(*resources), record_of(*reversed(resources))
    assert one == other


def letter(local_id="d1", **fields):
    return {
        "resourceType": "DocumentReference",
        "id": local_id,
        "identifier": b.identifier(local_id),
        "subject": {"reference": "Patient/p1"},
        **fields,
    }


def narrative(local_id="n1", **fields):
    return {
        "resourceType": "Observation",
        "id": local_id,
        "subject": {"reference": "Patient/p1"},
        "code": b.concept("37331000000100", "Comment note"),
        "comment": "Feels better",
        **fields,
    }


def test_an_area_that_cannot_be_asked_for_comes_with_another():
    with pytest.raises(ValidationError):
        Areas.model_validate({"visits": {}, "letters": {}})
    record = record_of(visit(), letter(related=[{"reference": "Encounter/e1"}]))
    [item] = record["letters"]
    assert item["linked_only"]
    assert item["about"][0]["item_id"] == f"{b.DATA}|e1"
    found = area(record, "letters")
    assert (found["outcome"], found["linked"], found["complete"]) == ("not_requested", 1, False)
    assert LETTERS_PUBLISHED in {
        each.kind for each in areas_published(record, Areas.model_validate({"visits": {}}))
    }


def test_where_it_holds_nothing_it_is_not_published():
    kinds = [each.kind for each in areas_published(record_of(visit()), Areas.model_validate({"visits": {}}))]
    assert kinds == ["visits.published.v1"]


def test_that_it_is_switched_off_is_told_in_the_words_of_the_practice():
    record = record_of(visit(), b.outcome(("DocumentReferences", "DocumentReferences has been disabled")))
    found = area(record, "letters")
    assert (found["outcome"], found["note"]) == ("not_supported", "DocumentReferences has been disabled")


def test_an_area_may_bring_another_alone():
    immunisations = replace(IMMUNISATIONS, brings=frozenset({"letters"}))
    table = AreaTable(areas=(*TWO_AREAS.areas, immunisations, VISITS, LETTERS), others=TWO_AREAS.others)
    bundle = b.record(b.record_list(IMMUNISATION_LIST), letter(), visit())
    options = areas_model(table).model_validate({"immunisations": {}}).options()
    asked = Asked(nhs_number=b.NHS_NUMBER, areas=options)
    record: Any = map_record(bundle, asked=asked, source=SOURCE, table=table)
    assert len(record["letters"]) == 1
    assert record["visits"] == []


def test_words_inside_of_an_item_are_accounted_for_and_led_to():
    record = record_of(
        visit(),
        content({"reference": "Observation/n1"}),
        narrative(),
        letter(related=[{"reference": "Observation/n1"}]),
    )
    [item] = record["visits"]
    assert item["words"] == ["Feels better"]
    assert record["letters"][0]["about"] == [
        {
            "kind": "consultation",
            "in_record": True,
            "source_ref": "Observation/n1",
            "item_id": item["item_id"],
        }
    ]
    assert record["unmapped"] == []
    assert "count_mismatch" not in {issue["code"] for issue in record["issues"]}
    other = record_of(visit(), content({"reference": "Observation/n1"}), narrative(comment="Feels worse"))
    assert other["snapshot_id"] != record["snapshot_id"]


def test_words_that_no_item_shows_are_listed():
    record = record_of(visit(), narrative())
    assert [each["source_ref"] for each in record["unmapped"]] == ["Observation/n1"]


def secondary(code, *targets, **fields):
    sent = b.record_list(code, *targets, **fields)
    sent["code"]["coding"][0]["system"] = f"{b.SYSTEMS}/GPConnect-SecondaryListValues-1"
    return sent


@pytest.mark.duty("CS-044")
@pytest.mark.parametrize(
    "code", ["visits-immunisations-contained-in-visits", "Visits - immunisations contained"]
)
def test_what_is_withheld_of_a_visit_is_told_of_the_visits(code):
    record = record_of(visit(), secondary(code, warnings=("confidential-items",)))
    found = area(record, "visits")
    [warning] = found["warnings"]
    assert (warning["code"], warning["secondary_list"]) == ("confidential-items", code)
    assert (found["outcome"], found["complete"]) == ("items", False)


def test_a_secondary_list_without_a_warning_says_nothing_of_the_visits():
    record = record_of(visit(), secondary("visits-immunisations-contained-in-visits"))
    found = area(record, "visits")
    assert (found["warnings"], found["complete"]) == ([], True)


def test_an_area_says_what_of_the_request_narrows_it():
    narrow = {"from": "2026-01-01", "most_recent": 3}
    assert area(record_of(visit(), visits=narrow), "visits")["limited_to"] == narrow
    assert "limited_to" not in area(record_of(visit()), "visits")


def test_what_the_practice_cannot_narrow_is_not_narrowed():
    part = "includeConsultations.includeNumberOfMostRecent"
    record = record_of(
        visit(), b.outcome((part, f"{part} is an unrecognised parameter")), visits={"most_recent": 3}
    )
    found = area(record, "visits")
    assert "limited_to" not in found
    assert "unrecognised" in found["note"]
    assert [warning["code"] for warning in found["warnings"]] == ["search-date-ignored"]
    assert found["complete"]
