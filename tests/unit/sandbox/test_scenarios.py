"""The scenario records: sound where they are meant to be, and the same every time."""

import json
from datetime import date
from functools import cache

import pytest
from fhir.resources.STU3 import get_fhir_model_class
from fhir.resources.STU3.bundle import Bundle

from bridge.record.nhs_number import is_valid_nhs_number
from bridge.sandbox.scenarios import BY_NAME, SCENARIOS
from bridge.sandbox.structured.parameters import ALLERGIES, MEDICATION, Query
from bridge.sandbox.structured.record import encode

WITH_RECORD = [scenario for scenario in SCENARIOS if scenario.case]
# One for each record: many scenarios share the rich one and differ in who serves it.
DISTINCT = list({scenario.case: scenario for scenario in reversed(WITH_RECORD)}.values())
SMALL = [scenario for scenario in DISTINCT if scenario.name not in {"huge", "enormous"}]
UNREADABLE = {"resourceType": "Unreadable"}
PROFILES = "https://fhir.nhs.uk/STU3/StructureDefinition/"


def named(scenarios):
    return [pytest.param(scenario, id=scenario.name) for scenario in scenarios]


def record_of(name):
    record = BY_NAME[name].record()
    assert record is not None
    return record


@cache
def bundle(name):
    scenario = BY_NAME[name]
    return record_of(name).answer(
        Query(scenario.nhs_number, (MEDICATION, ALLERGIES), parts=(("includeResolvedAllergies", True),))
    )


def resources(name, kind=None):
    found = [entry.get("resource", UNREADABLE) for entry in bundle(name)["entry"]]
    return [one for one in found if kind is None or one["resourceType"] == kind]


def is_valid(resource):
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except (ValueError, LookupError):
        return False
    return True


def test_numbers_are_valid_and_of_the_test_range():
    for scenario in SCENARIOS:
        assert is_valid_nhs_number(scenario.nhs_number), scenario.name
        assert scenario.nhs_number.startswith("999")


def test_reasons_are_said_once():
    assert len({scenario.reason for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("scenario", named(SMALL))
def test_records_are_valid_stu3_where_they_are_meant_to_be(scenario):
    sound = [is_valid(resource) for resource in resources(scenario.name)]
    assert all(sound) == scenario.conforms
    assert sum(not one for one in sound) <= 2
    if scenario.conforms:
        Bundle.model_validate(bundle(scenario.name))


@pytest.mark.parametrize("scenario", named(one for one in SMALL if one.name != "malformed_resource"))
def test_records_follow_the_rules_of_the_envelope(scenario):
    found = resources(scenario.name)
    (patient,) = [one for one in found if one["resourceType"] == "Patient"]
    assert patient["identifier"][0]["value"] == scenario.nhs_number
    known = {f"{one['resourceType']}/{one['id']}" for one in found if "id" in one}
    assert len(known) == len([one for one in found if "id" in one])
    for one in found:
        if one["resourceType"] == "Spaceship":
            continue
        assert one["meta"]["profile"][0].startswith(PROFILES)
        assert "lastUpdated" not in one["meta"]
        if one["resourceType"] in {"MedicationStatement", "MedicationRequest", "AllergyIntolerance"}:
            assert one["identifier"][0]["value"]
            owner = one.get("subject") or one["patient"]
            assert owner["reference"] == f"Patient/{patient['id']}"
    if scenario.conforms:
        # A header of a problem names what was not asked for as well, which does not come with it (§2.2).
        assert set(references([one for one in found if one["resourceType"] != "Condition"])) <= known


def references(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "reference" and isinstance(inner, str) and not inner.startswith("#"):
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize("scenario", named(SMALL))
def test_building_again_gives_the_same_bytes(scenario):
    record = record_of(scenario.name)
    query = Query(scenario.nhs_number, (MEDICATION, ALLERGIES), parts=(("includeResolvedAllergies", True),))
    assert encode(record.answer(query)) == encode(record.answer(query)) == encode(bundle(scenario.name))


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("typical_size", 28_000, 36_000),
        ("huge", 1_200_000, 1_400_000),
        ("enormous", 11_000_000, 13_000_000),
    ],
)
def test_sizes_are_as_said(name, least, most):
    assert least < len(encode(bundle(name))) < most


def test_each_statement_has_one_plan_and_orders_follow_it():
    for scenario in SMALL:
        if not scenario.conforms:
            continue
        plans = {
            f"MedicationRequest/{one['id']}"
            for one in resources(scenario.name, "MedicationRequest")
            if one["intent"] == "plan"
        }
        based = [one["basedOn"][0]["reference"] for one in resources(scenario.name, "MedicationStatement")]
        assert sorted(based) == sorted(plans), scenario.name
        for order in resources(scenario.name, "MedicationRequest"):
            if order["intent"] == "order":
                assert order["basedOn"][0]["reference"] in plans
                assert "priorPrescription" not in order


def test_a_split_plan_names_its_predecessor_and_warns():
    old, new = [one for one in resources("dosage_changed", "MedicationRequest") if one["intent"] == "plan"]
    assert (old["status"], new["status"]) == ("completed", "active")
    assert new["priorPrescription"]["reference"] == f"MedicationRequest/{old['id']}"
    assert old["authoredOn"] == new["authoredOn"]
    texts = [one["dosage"][0]["text"] for one in resources("dosage_changed", "MedicationStatement")]
    assert [("Dosage has changed during the effective period" in text) for text in texts] == [False, True]


def test_repeat_dispensing_and_elsewhere_send_no_last_issue():
    for name in ("repeat_dispensing", "prescribed_elsewhere"):
        assert "LastIssueDate" not in json.dumps(resources(name, "MedicationStatement"))
    assert "LastIssueDate" in json.dumps(resources("rich_record", "MedicationStatement"))


def test_a_deviating_scenario_leaves_its_record_as_it_was():
    record = record_of("malformed_resource")
    query = Query(BY_NAME["malformed_resource"].nhs_number, (MEDICATION,))
    record.answer(query)
    assert all("medicationReference" in course.statement for course in record.courses)


@pytest.mark.parametrize(
    ("kind", "end", "day", "is_found"),
    [
        ("repeat", "2018-07-07", date(2018, 7, 8), False),
        ("repeat", "2018-07-08", date(2018, 7, 8), True),
        ("repeat", "2018-07", date(2018, 7, 31), True),
        ("repeat", "2018", date(2018, 12, 31), True),
        ("repeat", "2018", date(2019, 1, 1), False),
        ("repeat", None, date(2025, 1, 1), True),
        (None, None, date(2025, 1, 1), True),
        ("acute", None, date(2018, 1, 10), True),
        ("acute", None, date(2018, 1, 11), False),
    ],
)
def test_windows_of_the_date_search(kind, end, day, is_found):
    course = record_of("medication_windows").courses[0]
    course.kind, course.start, course.end = kind, "2018-01-10", end
    assert course.is_active_since(day) == is_found
