"""Courses, plans and issues."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import area, course, issue_codes, mapped

LISTED = b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1")
QUANTITY_TEXT = "MedicationQuantityText"


def one(*resources: b.Resource) -> Any:
    """A record with one listed course made of `resources`."""
    return mapped(b.record(LISTED, b.medication(), *resources))


def dispense(**overrides: Any) -> b.Resource:
    return b.built(b.plan()["dispenseRequest"], overrides)


def test_the_tree_of_course_plan_and_issues() -> None:
    found = course(mapped(b.typical_record()))
    assert found["item_id"] == f"{b.DATA}|ms-s1"
    assert found["medication"]["concept_id"] == "323509004"
    assert (found["status"], found["prescribed_by"]) == ("active", "this_practice")
    assert found["effective_from"] == {"value": "2026-01-05", "precision": "day"}
    plan = found["plan"]
    assert (plan["prescription_type"], plan["issues_included"]) == ("repeat", True)
    assert [issue["provenance"]["source_ref"] for issue in plan["issues"]] == [
        "MedicationRequest/order2",
        "MedicationRequest/order1",
    ]
    assert plan["issues"][0]["issue_date"]["value"] == "2026-02-05"
    assert plan["issues"][0]["supply_ends"]["value"] == "2026-02-12"
    assert "issue_date" in plan["issues"][0]
    assert plan["issues"][0]["authored_at"]["value"] == "2026-01-05T10:00:00+00:00"
    assert found["last_issue_seen"]["value"] == "2026-02-05"
    assert found["issue_codes"] == []


def test_a_plan_carries_counts_expiry_and_stop() -> None:
    stop = b.extension(
        "MedicationStatusReason",
        extension=[
            {"url": "statusReason", "valueCodeableConcept": {"text": "Adverse effect"}},
            {"url": "statusChangeDate", "valueDateTime": "2026-03-01"},
        ],
    )
    counts = b.repeat_information(
        numberOfRepeatPrescriptionsAllowed={"valueUnsignedInt": 6},
        numberOfRepeatPrescriptionsIssued={"valuePositiveInt": 7},
        authorisationExpiryDate={"valueDateTime": "2026-12"},
    )
    plan = course(one(b.statement(status="stopped"), b.plan(status="stopped", extension=[counts, stop])))[
        "plan"
    ]
    assert plan["repeat"] == {
        "issues_authorised": 6,
        "issues_made": 7,
        "authorisation_expires": {"value": "2026-12", "precision": "month"},
    }
    assert plan["stopped"]["on"]["value"] == "2026-03-01"
    assert plan["stopped"]["reason"]["term"] == "Adverse effect"


def test_the_other_names_of_the_stop_and_a_day_that_is_none() -> None:
    stop = b.extension(
        "MedicationStatusReason",
        extension=[
            {"url": "reason", "valueCodeableConcept": {"text": "Patient's wish"}},
            {"url": "date", "valueDateTime": "No information available"},
        ],
    )
    record = one(b.statement(status="stopped"), b.plan(status="stopped", extension=[stop]))
    stopped = course(record)["plan"]["stopped"]
    assert stopped["on"] == {"value": "No information available", "precision": "unparsed"}
    assert stopped["reason"]["term"] == "Patient's wish"
    assert "unparsed_date" in issue_codes(record)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("acute", "acute"),
        ("acute-handwritten", "acute_handwritten"),
        ("repeat", "repeat"),
        ("repeat-dispensing", "repeat_dispensing"),
        ("delayed-prescribing", "delayed"),
    ],
)
def test_the_types_of_prescription(code: str, kind: str) -> None:
    plan = course(one(b.statement(), b.plan(extension=[b.prescription_type(code)])))["plan"]
    assert plan["prescription_type"] == kind
    assert "prescription_type_text" not in plan


@pytest.mark.duty("CS-076")
@pytest.mark.parametrize(
    "sent",
    [None, [b.extension("PrescriptionType", valueCodeableConcept={"text": "No information available"})]],
)
def test_an_unknown_type_shows_no_information_available(sent: Any) -> None:
    plan = course(one(b.statement(), b.plan(extension=sent)))["plan"]
    assert plan["prescription_type"] == "unknown"
    assert plan["prescription_type_text"] == "No information available"


@pytest.mark.duty("CS-081")
@pytest.mark.parametrize(("kind", "conflict"), [("acute", False), ("repeat", True), (None, True)])
def test_a_completed_medication_without_an_end_an_unknown_type_counts_as_a_repeat(
    kind: str | None, *, conflict: bool
) -> None:
    plan = b.plan(status="completed", extension=[b.prescription_type(kind)] if kind else None)
    found = course(one(b.statement(status="completed"), plan))
    assert ("date_status_conflict" in found["issue_codes"]) == conflict


@pytest.mark.parametrize(
    ("code", "text", "by"),
    [
        ("prescribed-at-gp-practice", None, "this_practice"),
        ("prescribed-by-previous-practice", None, "previous_practice"),
        ("prescribed-by-another-organisation", "Hospital only", "other_organisation"),
    ],
)
def test_who_prescribed(code: str, text: str | None, by: str) -> None:
    found = course(one(b.statement(extension=[b.agency(code, text)]), b.plan()))
    assert (found["prescribed_by"], found.get("prescribed_by_text")) == (by, text)


@pytest.mark.duty("CS-075")
@pytest.mark.parametrize("taken", ["y", "n", "na", None])
def test_taken_has_no_meaning(taken: str | None) -> None:
    found = course(one(b.statement(taken=taken), b.plan()))
    found["provenance"]["content_hash"] = "sha256:"
    usual = course(one(b.statement(), b.plan()))
    usual["provenance"]["content_hash"] = "sha256:"
    assert found == usual


@pytest.mark.duty("CS-074")
@pytest.mark.parametrize(
    ("quantity", "held"),
    [
        (
            {"value": 28, "unit": "tablet", "code": "{tbl}"},
            {"value": 28, "unit": "tablet", "unit_code": "{tbl}"},
        ),
        (
            {"value": 28, "extension": [b.extension(QUANTITY_TEXT, valueString="tablet(s)")]},
            {"value": 28, "unit": "tablet(s)", "text": "tablet(s)"},
        ),
        (
            {"value": "84", "extension": [b.extension(QUANTITY_TEXT, valueString="84 tablets")]},
            {"value": 84, "text": "84 tablets"},
        ),
        ({"extension": [b.extension(QUANTITY_TEXT, valueString="1 op")]}, {"text": "1 op"}),
        ({"value": 2.5, "unit": "mL"}, {"value": 2.5, "unit": "mL"}),
        ({"value": "as directed"}, {"text": "as directed"}),
    ],
)
def test_quantities_as_they_are_sent(quantity: Any, held: Any) -> None:
    plan = course(one(b.statement(), b.plan(dispenseRequest=dispense(quantity=quantity))))["plan"]
    assert plan["quantity"] == held


@pytest.mark.duty("CS-074")
def test_the_words_of_a_quantity_may_stand_on_the_dispense_request() -> None:
    extra = [b.extension(QUANTITY_TEXT, valueString="1 pack")]
    plan = course(one(b.statement(), b.plan(dispenseRequest=dispense(quantity=None, extension=extra))))[
        "plan"
    ]
    assert plan["quantity"] == {"text": "1 pack"}


@pytest.mark.duty("CS-074")
def test_a_quantity_that_was_not_sent_is_not_known() -> None:
    record = one(b.statement(), b.plan(dispenseRequest=dispense(quantity=None)))
    assert "quantity" not in course(record)["plan"]
    assert "quantity_missing" in issue_codes(record)


def test_the_duration_of_supply_in_every_shape() -> None:
    odd = {"value": "28", "unit": "day", "code": ["d"]}
    plan = course(one(b.statement(), b.plan(dispenseRequest=dispense(expectedSupplyDuration=odd))))["plan"]
    assert plan["supply_duration"] == {"value": 28, "unit": "day", "unit_code": "d"}


@pytest.mark.duty("CS-074")
@pytest.mark.parametrize("words", ["No information available", "Not recorded", "not recorded.", None])
def test_a_filler_is_no_dosage(words: str | None) -> None:
    dosage = [{"text": words} if words else {"patientInstruction": "see leaflet"}]
    (found,) = course(one(b.statement(dosage=dosage), b.plan()))["dosage"]
    assert found["recorded"] is False
    assert "text" not in found


@pytest.mark.duty("CS-074")
def test_a_structured_dosage_is_kept_whole_beside_its_words() -> None:
    dosage = {"text": "One at night", "timing": {"code": {"text": "night"}}, "doseQuantity": {"value": 1}}
    (found,) = course(one(b.statement(dosage=[dosage]), b.plan(dosageInstruction=[dosage])))["dosage"]
    assert found == {"text": "One at night", "recorded": True, "structured": dosage}


def test_the_steps_of_a_dosage_are_joined_line_by_line() -> None:
    steps = [{"text": "Two on day 1", "patientInstruction": "with food"}, {"text": "then one daily"}]
    plan = course(one(b.statement(), b.plan(dosageInstruction=steps)))["plan"]
    assert plan["dosage"]["text"] == "Two on day 1\nthen one daily"
    assert plan["dosage"]["patient_instruction"] == "with food"


@pytest.mark.duty("CS-080")
@pytest.mark.parametrize("dash", ["\N{EN DASH}", "-"])
def test_the_warning_that_the_dosage_changed(dash: str) -> None:
    text = (
        f"Take one three times a day WARNING {dash} Dosage has changed during the effective period. "
        "The latest change was made on 08-Mar-2026"
    )
    found = course(one(b.statement(dosage=[{"text": text}]), b.plan()))
    assert found["dosage_changed_on"] == {"value": "2026-03-08", "precision": "day"}
    assert found["dosage"][0]["text"] == text
    assert "dosage_changed" in found["issue_codes"]
    assert "dosage_conflict" not in found["issue_codes"]


@pytest.mark.duty("CS-080")
def test_the_day_the_dosage_changed_in_1_2() -> None:
    url = (
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-MedicationDosageLastChanged-1"
    )
    changed = {"url": url, "valueDateTime": "2026-03-08"}
    found = course(one(b.statement(extension=[b.agency("prescribed-at-gp-practice"), changed]), b.plan()))
    assert found["dosage_changed_on"]["value"] == "2026-03-08"
    assert "dosage_changed" in found["issue_codes"]


@pytest.mark.parametrize(
    ("text", "audience", "rest"),
    [
        ("Patient Notes: Take with food", "patient", "Take with food"),
        ("Prescriber Notes:Issue number 1 check", "prescriber", "Issue number 1 check"),
        ("PHARMACY NOTES: weekly\n  boxes ", "pharmacy", "weekly\n  boxes "),
        ("Additional Information: x", "additional", "x"),
        ("Expected Supply Duration: 28 day\n", "unspecified", "Expected Supply Duration: 28 day\n"),
        ("Patient Notes:", "unspecified", "Patient Notes:"),
    ],
)
def test_notes_say_whom_they_are_for(text: str, audience: str, rest: str) -> None:
    found = course(one(b.statement(note=[{"text": text}]), b.plan()))
    assert found["notes"] == [{"text": rest, "audience": audience}]


def test_a_bare_string_is_a_note() -> None:
    assert course(one(b.statement(note="a note"), b.plan()))["notes"][0]["text"] == "a note"


def test_an_issue_takes_over_what_it_left_out() -> None:
    bare = b.order(
        requester=None,
        dosageInstruction=[{"text": "Take one three times a day"}],
        dispenseRequest={"validityPeriod": {"start": "2026-02-05"}},
    )
    rich = b.plan(
        context=b.reference("Encounter/e1"),
        note=[{"text": "Patient Notes: with food"}],
        dosageInstruction=[{"text": "Take one three times a day", "patientInstruction": "with food"}],
    )
    plan = course(one(b.statement(), rich, bare))["plan"]
    (issue,) = plan["issues"]
    assert set(issue["inherited"]) == {
        "quantity",
        "supply_duration",
        "notes",
        "dosage.patient_instruction",
        "provenance.author",
        "provenance.encounter_ref",
    }
    assert issue["quantity"] == plan["quantity"]
    assert issue["notes"] == plan["notes"]
    assert issue["provenance"]["encounter_ref"] == "Encounter/e1"
    assert issue["provenance"]["author"]["name"] == "Dr Jo Doe"
    assert plan["inherited"] == []


def test_what_one_dosage_takes_over_is_not_anothers_of_the_same_words() -> None:
    same = {"dosageInstruction": [{"text": "One at night"}]}
    rich = b.plan(dosageInstruction=[{"text": "One at night", "patientInstruction": "with food"}])
    orders = [b.order("order1", "plan1", **same), b.order("order2", "plan2", **same)]
    plans = [rich, b.plan("plan2", **same)]
    found = one(b.statement(), b.statement("s2", "plan2"), *plans, *orders)["medications"]
    dosages = {
        issue["provenance"]["source_ref"]: issue["dosage"]
        for each in found
        for issue in each["plan"]["issues"]
    }
    assert dosages["MedicationRequest/order1"]["patient_instruction"] == "with food"
    assert dosages["MedicationRequest/order2"] == {"recorded": True, "text": "One at night"}


def test_what_cannot_be_read_is_told_of_each_that_was_sent_it() -> None:
    odd = dispense(quantity={"value": {}}, expectedSupplyDuration=[7])
    orders = [b.order(f"order{n}", "plan1", dispenseRequest=odd) for n in (1, 2)]
    for issue in course(one(b.statement(), b.plan(), *orders))["plan"]["issues"]:
        assert "unreadable_element" in issue["issue_codes"]


def test_an_issue_that_says_it_all_takes_over_nothing() -> None:
    full = b.order(note=[{"text": "own"}], dispenseRequest=dispense(quantity={"value": 7}))
    (issue,) = course(one(b.statement(), b.plan(note=[{"text": "plan's"}]), full))["plan"]["issues"]
    assert issue["inherited"] == []
    assert issue["notes"][0]["text"] == "own"
    assert issue["quantity"] == {"value": 7}


def test_a_plan_takes_over_the_encounter_but_never_the_rolled_up_notes() -> None:
    statement = b.statement(
        context=b.reference("Encounter/e1"), note=[{"text": "Patient Notes: Issue number 1 take with food"}]
    )
    plan = course(one(statement, b.plan()))["plan"]
    assert plan["provenance"]["encounter_ref"] == "Encounter/e1"
    assert plan["notes"] == []


@pytest.mark.parametrize("parts", ["statement", "plan"])
@pytest.mark.parametrize("status", ["on-hold", "entered-in-error", "draft", None])
def test_a_state_that_gp_connect_does_not_use_is_never_active(parts: str, status: str | None) -> None:
    overrides: Any = {"statement": {}, "plan": {}, parts: {"status": status}}
    found: Any = course(one(b.statement(**overrides["statement"]), b.plan(**overrides["plan"])))
    part = found if parts == "statement" else found["plan"]
    assert part["status"] == "unknown"
    assert part.get("source_status") == status
    assert "unknown_status" in part["issue_codes"]


def test_states_that_differ_are_both_kept() -> None:
    found = course(one(b.statement(status="active"), b.plan(status="stopped")))
    assert (found["status"], found["plan"]["status"]) == ("active", "stopped")
    assert "status_conflict" in found["issue_codes"]


def test_stopping_a_plan_leaves_its_issues_alone() -> None:
    found = course(one(b.statement(status="stopped"), b.plan(status="stopped"), b.order(status="completed")))
    assert found["plan"]["issues"][0]["status"] == "completed"


def test_an_active_course_with_an_end_is_kept_and_marked() -> None:
    ended = b.statement(effectivePeriod={"start": "2026-01-05", "end": "2026-02-05"})
    found = course(one(ended, b.plan()))
    assert found["effective_to"]["value"] == "2026-02-05"
    assert "date_status_conflict" in found["issue_codes"]


def test_another_drug_on_an_issue_is_named() -> None:
    other = b.medication("m2", code=b.concept("319773006", "Aspirin 75mg tablets"))
    record = one(b.statement(), b.plan(), b.order(medicationReference=b.reference("Medication/m2")), other)
    (issue,) = course(record)["plan"]["issues"]
    assert issue["medication"]["term"] == "Aspirin 75mg tablets"
    assert "medication_conflict" in issue["issue_codes"]


def test_another_dosage_on_the_plan_is_marked() -> None:
    found = course(one(b.statement(), b.plan(dosageInstruction=[{"text": "Take two"}])))
    assert "dosage_conflict" in found["issue_codes"]


def test_a_statement_without_its_plan_still_stands() -> None:
    found = course(one(b.statement()))
    assert "plan" not in found
    assert "plan_missing" in found["issue_codes"]


def test_an_issue_without_its_plan_stands_as_a_course() -> None:
    found = course(mapped(b.record(b.medication(), b.order())))
    assert found["medication"]["term"] == "Amoxicillin 250mg capsules"
    assert found["issue_without_plan"]["issue_date"]["value"] == "2026-01-05"
    assert "order_without_plan" in found["issue_codes"]
    assert found["last_issue_seen"]["value"] == "2026-01-05"


def test_a_plan_without_a_statement_stands_as_a_course_with_its_issues() -> None:
    found = course(mapped(b.record(b.medication(), b.plan(), b.order())))
    assert "statement_missing" in found["issue_codes"]
    assert len(found["plan"]["issues"]) == 1
    assert found["effective_from"]["value"] == "2026-01-05"


def test_two_plans_of_one_statement() -> None:
    both = [b.reference("MedicationRequest/plan2"), b.reference("MedicationRequest/plan1")]
    record = one(b.statement(basedOn=both), b.plan(), b.plan("plan2"))
    (with_plan,) = [each for each in record["medications"] if "plan_ambiguous" in each["issue_codes"]]
    assert with_plan["plan"]["provenance"]["source_ref"] == "MedicationRequest/plan1"
    assert len(record["medications"]) == 2


def test_the_plan_that_went_before() -> None:
    record = mapped(
        b.record(
            b.medication(),
            b.statement(),
            b.plan(priorPrescription=b.reference("MedicationRequest/old")),
            b.statement("s2", "old"),
            b.plan("old", priorPrescription=b.reference("MedicationRequest/not-sent")),
        )
    )
    plans = {each["item_id"]: each["plan"] for each in record["medications"]}
    assert plans[f"{b.DATA}|ms-s1"]["prior_plan_id"] == f"{b.DATA}|mr-old"
    assert plans[f"{b.DATA}|ms-s2"]["prior_plan_id"] == "MedicationRequest/not-sent"


def test_the_last_issue_seen_is_neither_stopped_nor_in_the_future() -> None:
    def issued(name: str, start: str, status: str = "completed") -> b.Resource:
        return b.order(name, status=status, dispenseRequest={"validityPeriod": {"start": start}})

    tomorrow = (datetime(2026, 11, 22, tzinfo=UTC) + timedelta(days=1)).date().isoformat()
    last = b.extension("MedicationStatementLastIssueDate", valueDateTime="2026-01-05")
    found = course(
        one(
            b.statement(extension=[last, b.agency("prescribed-at-gp-practice")]),
            b.plan(),
            issued("future", tomorrow),
            issued("stopped", "2026-06-01", "stopped"),
            issued("seen", "2026-05-01"),
        )
    )
    assert found["last_issued"]["value"] == "2026-01-05"
    assert found["last_issue_seen"]["value"] == "2026-05-01"
    assert len(found["plan"]["issues"]) == 3


def test_what_the_electronic_prescription_service_knows() -> None:
    order = b.order(
        identifier=[
            {"system": "https://fhir.nhs.uk/Id/eps-line-item-identifier", "value": "line-1"},
            {"system": "https://fhir.nhs.uk/Id/eps-line-item-identifier", "value": "line-0", "use": "old"},
            {"system": b.DATA, "value": "mr-1"},
        ],
        groupIdentifier={"value": "ABC-1"},
        dispenseRequest={
            "validityPeriod": {"start": "2026-01-05"},
            "performer": b.reference("Organization/org1"),
        },
    )
    (issue,) = course(one(b.statement(), b.plan(), order))["plan"]["issues"]
    assert (issue["eps_prescription_id"], issue["eps_item_id"]) == ("ABC-1", "line-1")
    assert issue["item_id"] == f"{b.DATA}|mr-1"
    assert issue["dispenser"]["name"] == "Test Surgery"


@pytest.mark.parametrize(
    "statement",
    [
        b.statement(
            medicationReference=None, medicationCodeableConcept=b.concept("323509004", "Amoxicillin")
        ),
        b.statement(
            medicationReference=b.reference("#inner"),
            contained=[
                {"resourceType": "Medication", "id": "inner", "code": b.concept("323509004", "Amoxicillin")}
            ],
        ),
        b.statement(medicationReference=b.reference("https://gp.example/STU3/1/Medication/m1/_history/2")),
        b.statement(medicationReference=b.reference("m1")),
        b.statement(medicationReference=None),
    ],
)
def test_a_medication_in_every_shape(statement: b.Resource) -> None:
    assert course(one(statement, b.plan()))["medication"]["concept_id"] == "323509004"


def test_a_medication_that_was_not_sent_shows_the_words_of_the_reference() -> None:
    missing = {"reference": "Medication/gone", "display": "Something for the heart"}
    found = course(one(b.statement(medicationReference=missing), b.plan(medicationReference=missing)))
    assert found["medication"]["term"] == "Something for the heart"
    assert "dangling_reference" in found["issue_codes"]


@pytest.mark.duty("CS-077", "CS-078")
def test_medication_that_came_another_way_is_kept_and_marked() -> None:
    secondary = b.record_list("problems-medications-related-to-problems", "MedicationRequest/plan1")
    empty = b.record_list(b.MEDICATIONS_LIST)
    record = mapped(b.record(empty, secondary, b.medication(), b.statement(), b.plan()))
    found = course(record)
    assert "not_in_list" in found["issue_codes"]
    assert found["provenance"]["list_codes"] == []
    assert found["plan"]["provenance"]["list_codes"] == ["problems-medications-related-to-problems"]
    assert not area(record, "medications")["complete"]


def test_issues_that_were_not_asked_for() -> None:
    record = mapped(
        b.record(LISTED, b.medication(), b.statement(), b.plan()),
        areas={"medications": {"include_issues": False}, "allergies": {}},
    )
    assert course(record)["plan"]["issues_included"] is False


def test_an_effective_date_without_a_period() -> None:
    found = course(one(b.statement(effectivePeriod=None, effectiveDateTime="2026-01"), b.plan()))
    assert found["effective_from"] == {"value": "2026-01", "precision": "month"}
    assert "effective_to" not in found


def test_on_behalf_of_another_organisation() -> None:
    requester = {"agent": b.reference("Practitioner/dr1"), "onBehalfOf": b.reference("Organization/org2")}
    other = b.organisation("org2", "B22222", "Old Surgery")
    author = course(one(b.statement(), b.plan(requester=requester), other))["plan"]["provenance"]["author"]
    assert (author["name"], author["organisation_ods"], author["organisation_name"]) == (
        "Dr Jo Doe",
        "B22222",
        "Old Surgery",
    )


def test_a_request_that_is_neither_plan_nor_order() -> None:
    record = one(b.statement(), b.plan(), b.request("x", "proposal"))
    (aside,) = record["unmapped"]
    assert (aside["source_ref"], aside["reason"]) == ("MedicationRequest/x", "unsupported")
