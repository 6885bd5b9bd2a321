"""Words, numbers, order and dates of a medication or allergy as the practice sent them."""

from datetime import date, datetime
from typing import Any

import orjson
import pytest

from bridge.gpconnect.structured import StructuredAnswer
from bridge.record.dates import days, partial_date, sort_key
from tests.support import bundles as b
from tests.support.mapped import allergy, area, course, issue_codes, mapped

LISTED = b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1")
WARFARIN = {"display": "Warfarin 1mg tablets"}
MASKED = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    ]
}


def one(*resources: b.Resource) -> Any:
    return mapped(b.record(LISTED, b.medication(), *resources))


def issued(order_id: str, when: str | None, **more: Any) -> b.Resource:
    period = {"start": when} if when is not None else {}
    return b.order(order_id, dispenseRequest={"validityPeriod": period}, **more)


def _sorting(value: str) -> tuple[str, datetime]:
    return sort_key(partial_date(value))


def order_of(record: Any) -> list[str]:
    return [each["provenance"]["source_ref"].partition("/")[2] for each in course(record)["plan"]["issues"]]


# Words instead of references


def test_the_words_of_a_reference_name_the_drug_of_a_plan() -> None:
    found = course(one(b.statement(), b.plan(medicationReference=WARFARIN)))
    assert found["plan"]["medication"]["term"] == "Warfarin 1mg tablets"
    assert found["plan"]["medication"]["term_from"] == "reference"
    assert "medication_conflict" in found["issue_codes"]
    assert not found["usable_for_decision_support"]


def test_the_words_of_a_reference_name_the_drug_of_an_issue() -> None:
    found = course(one(b.statement(), b.plan(), b.order(medicationReference=WARFARIN)))
    (issue,) = found["plan"]["issues"]
    assert issue["medication"]["term"] == "Warfarin 1mg tablets"
    assert {"medication_conflict", "display_only_reference", "text_only"} <= set(issue["issue_codes"])
    assert not found["usable_for_decision_support"]


def test_the_same_drug_in_words_is_no_conflict_but_has_no_code() -> None:
    words = {"display": "amoxicillin  250mg Capsules"}
    found = course(one(b.statement(medicationReference=words), b.plan()))
    assert found["medication"]["term_from"] == "reference"
    assert "medication_conflict" not in found["issue_codes"]
    assert not found["usable_for_decision_support"]


def test_a_coded_drug_that_all_parts_agree_on_is_usable() -> None:
    assert course(one(b.statement(), b.plan(), b.order()))["usable_for_decision_support"]


def test_words_beside_a_reference_that_leads_nowhere() -> None:
    dangling = {"reference": "Medication/gone", **WARFARIN}
    found = course(one(b.statement(medicationReference=dangling), b.plan()))
    assert (found["medication"]["term"], found["medication"]["term_from"]) == (
        WARFARIN["display"],
        "reference",
    )
    assert {"dangling_reference", "medication_conflict"} <= set(found["issue_codes"])


def test_people_who_are_only_named_are_shown_and_marked() -> None:
    named = {"display": "Dr A Test"}
    record = one(b.statement(), b.plan(recorder=named, context={"display": "Home visit"}))
    plan = course(record)["plan"]
    assert plan["provenance"]["recorder"] == {"kind": "unknown", "name": "Dr A Test"}
    paths = {each.get("path") for each in record["issues"] if each["code"] == "display_only_reference"}
    assert paths == {"recorder", "context"}


# Dosages


def test_dosages_go_by_sequence_and_those_without_come_last() -> None:
    dosage = [{"text": "c"}, {"sequence": 2, "text": "b"}, {"sequence": "1", "text": "a"}, {"text": "d"}]
    found = course(one(b.statement(dosage=dosage), b.plan(dosageInstruction=dosage)))
    assert [each["text"] for each in found["dosage"]] == ["a", "b", "c", "d"]
    assert [each.get("sequence") for each in found["dosage"]] == [1, 2, None, None]
    assert found["plan"]["dosage"]["text"] == "a\nb\nc\nd"
    assert [each.get("sequence") for each in found["plan"]["dosage"]["structured"]["dosage"]] == [
        1,
        2,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "sent",
    [
        {"_text": MASKED},
        {"_text": MASKED, "timing": {"repeat": {"frequency": 1}}},
        {"timing": {"repeat": {"frequency": 1}}},
        {"extension": [{"url": "https://example.org/x", "valueString": "y"}]},
        {"text": " "},
        {"text": "Not recorded"},
        {"patientInstruction": "With food"},
        {},
    ],
)
def test_without_words_a_dosage_is_not_recorded(sent: b.Resource) -> None:
    found = course(one(b.statement(dosage=[sent]), b.plan(dosageInstruction=[sent], note=None)))
    (dosage,) = found["dosage"]
    assert dosage["recorded"] is False
    assert found["plan"]["dosage"]["recorded"] is False
    assert dosage.get("absent_reason") == ("masked" if "_text" in sent else None)
    assert ("dosage_withheld" in found["plan"]["issue_codes"]) == ("_text" in sent)
    assert ("timing" in dosage.get("structured", {})) == ("timing" in sent)


# Quantities


def test_every_quantity_keeps_comparator_unit_system_and_digits() -> None:
    body = orjson.dumps(
        b.record(
            LISTED,
            b.medication(),
            b.statement(dosage=[{"text": "x", "doseQuantity": {"value": 7.123, "unit": "mg"}}]),
            b.plan(
                dispenseRequest={
                    "quantity": {
                        "value": 7.123,
                        "comparator": "<",
                        "unit": "ml",
                        "code": "ml",
                        "system": "urn:u",
                    },
                    "expectedSupplyDuration": {"value": 7.123, "unit": "day"},
                }
            ),
        )
    ).replace(b"7.123", b"1.50")
    answer = StructuredAnswer(
        body=body, retrieved_at="2026-11-22T09:00:00Z", trace_id="t1", practice_ods=b.ODS
    )
    found = course(mapped(answer.bundle()))
    assert found["plan"]["quantity"] == {
        "value": 1.5,
        "value_as_sent": "1.50",
        "comparator": "<",
        "unit": "ml",
        "unit_code": "ml",
        "unit_system": "urn:u",
    }
    assert found["plan"]["supply_duration"] == {"value": 1.5, "value_as_sent": "1.50", "unit": "day"}
    dose = found["dosage"][0]["structured"]["doseQuantity"]
    assert dose == {"value": 1.5, "value_as_sent": "1.50", "unit": "mg"}


def test_a_quoted_number_is_one_and_keeps_its_digits() -> None:
    quantity = {"value": "1.50", "unit": "ml"}
    plan = course(one(b.statement(), b.plan(dispenseRequest={"quantity": quantity})))["plan"]
    assert plan["quantity"] == {"value": 1.5, "value_as_sent": "1.50", "unit": "ml"}
    plan = course(one(b.statement(), b.plan(dispenseRequest={"quantity": {"value": "28"}})))["plan"]
    assert plan["quantity"] == {"value": 28}


# Dates


@pytest.mark.parametrize(
    ("value", "precision"),
    [
        ("2026-11-20T10:30:00+0000", "instant"),
        ("2026-07-20T10:30:00.5+0100", "instant"),
        ("0001-01-01", "placeholder"),
        ("0001-01-01T00:00:00+01:00", "placeholder"),
        ("1753-01-01T00:00:00", "placeholder"),
        ("1900-01-01", "placeholder"),
        ("1900-01-01T00:00:00Z", "placeholder"),
        ("9999-12-31T23:59:59-01:00", "placeholder"),
        ("1900", "year"),
        ("1900-01-02", "day"),
    ],
)
def test_offsets_and_days_that_stand_for_none(value: str, precision: str) -> None:
    found = partial_date(value)
    assert found == {"value": value, "precision": precision}
    assert (sort_key(found) == sort_key(None)) == (precision == "placeholder")


def test_dates_sort_by_the_day_in_the_uk_and_the_moment() -> None:
    values = [
        "2026-05",
        "2026-05-31",
        "2026-05-31T21:00:00Z",
        "2026-05-31T23:30:00+01:00",
        "2026-06-01",
        "2026-05-31T23:15:00Z",
        "2026-06-01T00:30:00+0100",
        "2026-10-25T01:45:00+01:00",
        "2026-10-25T01:15:00+00:00",
    ]
    assert [*map(_sorting, values)] == sorted(map(_sorting, values))


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024-02-03", date(2024, 2, 3), date(2024, 2, 3)),
        ("2024-06-30T23:30:00Z", date(2024, 7, 1), date(2024, 7, 1)),
        ("2024-06-30T23:30:00", date(2024, 6, 30), date(2024, 6, 30)),
    ],
)
def test_the_days_a_date_can_mean(value: str, first: date, last: date) -> None:
    assert days(partial_date(value)) == (first, last)


@pytest.mark.parametrize("when", ["next week", "1900-01-01", "0001-01-01T00:00:00+00:00", None])
def test_a_date_that_is_not_known_does_not_hide_the_newest_issue_unsaid(when: str | None) -> None:
    found = course(one(b.statement(), b.plan(), issued("o1", "2026-03-01"), issued("o2", when)))
    assert found["last_issue_seen"]["value"] == "2026-03-01"
    assert "last_issue_uncertain" in found["issue_codes"]


def test_known_and_stopped_issues_leave_the_newest_certain() -> None:
    record = one(
        b.statement(),
        b.plan(),
        issued("o1", "2026-03-01"),
        issued("o2", "2027-01-01"),
        issued("o3", None, status="stopped"),
    )
    assert "last_issue_uncertain" not in course(record)["issue_codes"]


def test_a_day_that_stands_for_none_is_told() -> None:
    record = one(b.statement(dateAsserted="1900-01-01"), b.plan())
    assert course(record)["asserted_at"] == {"value": "1900-01-01", "precision": "placeholder"}
    assert "placeholder_date" in course(record)["issue_codes"]


def test_issues_are_ordered_across_offsets() -> None:
    record = one(
        b.statement(),
        b.plan(),
        issued("o1", "2026-04-30T23:45:00Z"),
        issued("o2", "2026-05-01T00:30:00+01:00"),
        issued("o3", "2026-05-01T01:00:00+0100"),
    )
    assert order_of(record) == ["o3", "o1", "o2"]


@pytest.mark.parametrize(
    ("sent", "field", "value"),
    [
        ({"onsetString": "in childhood"}, "onset_text", "in childhood"),
        (
            {"onsetAge": {"value": 7, "unit": "years", "code": "a", "system": "http://unitsofmeasure.org"}},
            "onset_age",
            {"value": 7, "unit": "years", "unit_code": "a", "unit_system": "http://unitsofmeasure.org"},
        ),
        ({"onsetPeriod": {"start": "2004-05"}}, "onset", {"value": "2004-05", "precision": "month"}),
    ],
)
def test_the_other_ways_to_give_an_onset(sent: b.Resource, field: str, value: object) -> None:
    resource = b.allergy(onsetDateTime=None, **sent)
    found: Any = allergy(mapped(b.record(b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1"), resource)))
    assert found[field] == value


def test_an_onset_that_has_no_place_is_told() -> None:
    resource = b.allergy(onsetDateTime=None, onsetRange={"low": {"value": 3}})
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1"), resource))
    assert "unreadable_element" in allergy(record)["issue_codes"]


# Orders, requests, and the search date


def test_a_statement_based_straight_on_an_order_is_one_item() -> None:
    record = one(
        b.statement(basedOn=[b.reference("MedicationRequest/order1")]), b.order(basedOn=None, id="order1")
    )
    found = course(record)
    assert found["provenance"]["source_ref"] == "MedicationStatement/s1"
    assert found["issue_without_plan"]["provenance"]["source_ref"] == "MedicationRequest/order1"
    assert found["last_issue_seen"]["value"] == "2026-01-05"
    assert "plan_missing" in found["issue_codes"]
    assert "count_mismatch" not in issue_codes(record)
    assert area(record, "medications")["complete"]


def test_a_statement_based_on_an_order_has_the_plan_of_the_order() -> None:
    record = one(b.statement(basedOn=[b.reference("MedicationRequest/order1")]), b.plan(), b.order())
    found = course(record)
    assert found["plan"]["provenance"]["source_ref"] == "MedicationRequest/plan1"
    assert [each["provenance"]["source_ref"] for each in found["plan"]["issues"]] == [
        "MedicationRequest/order1"
    ]
    assert "plan_missing" not in found["issue_codes"]


def test_an_order_of_another_drug_than_its_statement() -> None:
    statement = b.statement(basedOn=[b.reference("MedicationRequest/order1")], medicationReference=WARFARIN)
    found = course(one(statement, b.order(basedOn=None)))
    assert found["issue_without_plan"]["medication"]["concept_id"] == "323509004"
    assert "medication_conflict" in found["issue_without_plan"]["issue_codes"]
    assert not found["usable_for_decision_support"]


def test_two_statements_on_one_order_without_plan_and_two_orders_of_one_statement() -> None:
    orders = [b.reference("MedicationRequest/order1"), b.reference("MedicationRequest/order2")]
    record = one(
        b.statement(basedOn=orders[:1]),
        b.statement("s2", basedOn=orders),
        b.order(basedOn=None),
        b.order("order2", basedOn=None),
    )
    held = {
        each["provenance"]["source_ref"]: each["issue_without_plan"]["provenance"]["source_ref"]
        for each in record["medications"]
    }
    assert held == {
        "MedicationStatement/s1": "MedicationRequest/order1",
        "MedicationStatement/s2": "MedicationRequest/order2",
    }


@pytest.mark.parametrize(
    ("sent", "display"),
    [
        ({"medicationReference": b.reference("Medication/m1")}, "Amoxicillin 250mg capsules"),
        ({"medicationReference": b.reference("m1")}, "Amoxicillin 250mg capsules"),
        ({"medicationReference": WARFARIN}, "Warfarin 1mg tablets"),
        ({"medicationReference": {"reference": "Medication/gone", **WARFARIN}}, "Warfarin 1mg tablets"),
        ({"medicationReference": {"reference": "Medication/gone"}}, None),
        ({"medicationReference": None, "medicationCodeableConcept": {"text": "Aspirin"}}, "Aspirin"),
    ],
)
def test_a_request_that_is_not_mapped_names_its_drug(sent: b.Resource, display: str | None) -> None:
    (found,) = one(b.statement(), b.plan(), b.request("x1", "proposal", **sent))["unmapped"]
    assert (found["source_ref"], found.get("display")) == ("MedicationRequest/x1", display)


def test_of_two_drugs_of_one_id_none_is_named() -> None:
    other = b.medication(code=b.concept("322280009", "Paracetamol 500mg capsules"))
    record = one(other, b.request("x1", "proposal"))
    (found,) = (each for each in record["unmapped"] if each["source_ref"] == "MedicationRequest/x1")
    assert "display" not in found
