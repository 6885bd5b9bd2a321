"""The meanings of an empty list, kept apart, and the warnings that travel with the data."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import area, issue_codes, mapped

TRANSIT = (
    "Patient record transfer from previous GP practice not yet complete; "
    "information recorded before 15-Dec-2020 may be missing."
)
FILING = (
    "Patient record contains some items in the GP practice workflow that have not been reviewed for "
    "inclusion in this message; information recorded before 01-Oct-2026 may be missing."
)
WITHHELD = "Items excluded due to confidentiality and/or patient preferences."
NOT_KNOWN = "includeAllergies is an unrecognised parameter"


def allergies_with(**overrides: Any) -> Any:
    warnings = overrides.pop("warnings", ())
    return b.record(
        b.record_list(b.ALLERGIES_LIST, warnings=warnings, **overrides),
        b.ended_list(),
        b.record_list(b.MEDICATIONS_LIST),
    )


@pytest.mark.duty("CS-092")
def test_an_empty_list_means_that_nothing_matched() -> None:
    record = mapped(allergies_with())
    found = area(record, "allergies")
    assert (found["outcome"], found["complete"], found["listed"]) == ("nothing_recorded", True, 0)
    assert found["empty_reason"] == "no-content-recorded"
    assert found["note"] == "Information not available"
    assert record["allergy_statement"] == "nothing_recorded"


REASONS = "http://hl7.org/fhir/list-empty-reason"
GPC_REASONS = f"{b.SYSTEMS}/CareConnect-ListEmptyReasonCode-1"


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (b.concept("withheld", None, REASONS), "only_withheld"),
        (b.concept("notasked", None, REASONS), "not_asked"),
        (b.concept("unavailable", None, REASONS), "unavailable"),
        (b.concept("notstarted", None, REASONS), "not_started"),
        (b.concept("closed", None, REASONS), "closed"),
        (b.concept("nilknown", None, REASONS), "empty_unexplained"),
        (b.concept("mislaid", None, GPC_REASONS), "empty_unexplained"),
        (b.concept("no-content-recorded", None, "https://supplier.example/reasons"), "empty_unexplained"),
        ({"text": "The practice was closed"}, "empty_unexplained"),
        ("?", "empty_unexplained"),
        (None, "empty_unexplained"),
        (
            {
                "coding": [
                    b.coding("no-content-recorded", None, GPC_REASONS),
                    b.coding("withheld", None, REASONS),
                ]
            },
            "only_withheld",
        ),
        (
            {
                "coding": [
                    b.coding("no-content-recorded", None, GPC_REASONS),
                    b.coding("withheld", None, GPC_REASONS),
                ]
            },
            "only_withheld",
        ),
        (
            {
                "coding": [
                    b.coding("no-content-recorded", None, GPC_REASONS),
                    b.coding("withheld", None, "https://supplier.example/reasons"),
                ]
            },
            "only_withheld",
        ),
        (
            b.concept("no-content-recorded", None, GPC_REASONS, text="Withheld by the patient"),
            "only_withheld",
        ),
        (b.concept("no-content-recorded", "Not Asked", GPC_REASONS), "not_asked"),
        (b.concept("withheld", "Information Withheld", REASONS), "only_withheld"),
        (
            [b.concept("no-content-recorded", None, GPC_REASONS), b.concept("unavailable", None, REASONS)],
            "unavailable",
        ),
    ],
)
def test_a_list_that_is_empty_for_another_reason_never_looks_like_nothing(reason: Any, outcome: str) -> None:
    record = mapped(allergies_with(emptyReason=reason))
    found = area(record, "allergies")
    assert (found["outcome"], found["complete"]) == (outcome, False)
    assert record["allergy_statement"] == "unavailable"
    assert ("empty_list_unexplained" in issue_codes(record)) == (outcome == "empty_unexplained")


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize(
    "reason",
    [
        {
            "coding": [
                b.coding("NCR", None, "https://supplier.example/reasons"),
                b.coding("no-content-recorded", None, GPC_REASONS),
            ]
        },
        b.concept("no-content-recorded", None, GPC_REASONS.replace("CodeSystem", "ValueSet")),
        {"coding": [{"code": "no-content-recorded"}]},
        {"coding": [{"display": "No Content Recorded"}]},
        b.coding("no-content-recorded", None, GPC_REASONS),
        {"text": "No content recorded."},
        "no-content-recorded",
    ],
)
def test_every_spelling_of_no_content_recorded(reason: Any) -> None:
    found = area(mapped(allergies_with(emptyReason=reason)), "allergies")
    assert (found["outcome"], found["complete"]) == ("nothing_recorded", True)


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize(
    "flaw", [{"status": "entered-in-error"}, {"status": "retired"}, {"mode": "changes"}], ids=str
)
@pytest.mark.parametrize("kind", ["allergies", "medications"])
def test_a_list_that_does_not_say_what_there_is(flaw: Any, kind: str) -> None:
    code = {"allergies": b.ALLERGIES_LIST, "medications": b.MEDICATIONS_LIST}[kind]
    record = mapped(b.record(b.record_list(code, **flaw)))
    assert area(record, kind)["outcome"] == "list_unusable"
    assert not area(record, kind)["complete"]
    assert record["allergy_statement"] == "unavailable"
    assert "list_unusable" in issue_codes(record)


@pytest.mark.duty("CS-092")
def test_an_unusable_list_proves_neither_an_end_nor_that_nothing_is_known() -> None:
    ended = b.record_list(b.ENDED_LIST, "AllergyIntolerance/a1", status="entered-in-error")
    active = mapped(b.record(b.record_list(b.ALLERGIES_LIST), ended, b.allergy()))
    assert active["allergies"][0]["clinical_status"] == "active"
    listed = b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1", status="entered-in-error")
    none = mapped(b.record(listed, b.allergy(code=b.concept("716186003", "No known allergy"))))
    assert none["allergy_statement"] == "unavailable"


@pytest.mark.duty("CS-092")
@pytest.mark.parametrize("is_sent", [True, False])
def test_an_entry_that_is_marked_as_deleted_is_shown_and_marked(*, is_sent: bool) -> None:
    entry = {"item": b.reference("AllergyIntolerance/a1"), "deleted": True}
    listed = b.record_list(b.ALLERGIES_LIST, entry=[entry])
    record = mapped(b.record(listed, *([b.allergy()] if is_sent else [])))
    found = area(record, "allergies")
    assert found["outcome"] == ("items" if is_sent else "list_unusable")
    assert not found["complete"]
    assert record["allergy_statement"] == ("active_allergies" if is_sent else "unavailable")
    assert "list_entry_deleted" in issue_codes(record)
    assert all("list_entry_deleted" in each["issue_codes"] for each in record["allergies"])


@pytest.mark.duty("CS-066")
@pytest.mark.parametrize("system", ["https://supplier.example/list", None])
def test_a_list_is_known_by_its_snomed_code_wherever_it_stands(system: str | None) -> None:
    listed = b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1")
    listed["code"]["coding"].insert(0, {"system": system, "code": "ALG", "display": "Allergies"})
    record = mapped(b.record(listed, b.allergy()))
    assert area(record, "allergies")["complete"]
    assert record["allergies"][0]["provenance"]["list_codes"] == [b.ALLERGIES_LIST]


@pytest.mark.duty("CS-092", "CS-044")
@pytest.mark.parametrize("how", ["valueCode", "valueCodeableConcept", "note"])
def test_withheld_is_not_nothing(how: str) -> None:
    values: dict[str, Any] = {
        "valueCode": {"extension": [b.extension("ListWarningCode", valueCode="confidential-items")]},
        "valueCodeableConcept": {
            "extension": [
                b.extension("ListWarningCode", valueCodeableConcept=b.concept("confidential-items"))
            ]
        },
        "note": {"note": [{"text": f"{WITHHELD} Information not available"}]},
    }
    record = mapped(allergies_with(**values[how]))
    found = area(record, "allergies")
    assert (found["outcome"], found["complete"]) == ("only_withheld", False)
    assert found["warnings"][0]["code"] == "confidential-items"
    assert record["allergy_statement"] == "unavailable"


@pytest.mark.duty("CS-042", "CS-043", "CS-044")
def test_two_warnings_in_one_note_each_with_its_day() -> None:
    codes = ("data-in-transit", "data-awaiting-filing")
    record = mapped(allergies_with(warnings=codes, note=[{"text": f"{TRANSIT} {FILING}"}]))
    found = area(record, "allergies")
    assert not found["complete"]
    assert found["warnings"] == [
        {
            "code": "data-awaiting-filing",
            "text": f"{TRANSIT} {FILING}",
            "missing_before": {"value": "2026-10-01", "precision": "day"},
        },
        {
            "code": "data-in-transit",
            "text": f"{TRANSIT} {FILING}",
            "missing_before": {"value": "2020-12-15", "precision": "day"},
        },
    ]


@pytest.mark.duty("CS-043")
def test_a_warning_without_words_gets_the_standard_ones() -> None:
    (warning,) = area(mapped(allergies_with(warnings=("data-in-transit",), note=None)), "allergies")[
        "warnings"
    ]
    assert "not complete" in warning["text"]


@pytest.mark.duty("CS-042")
def test_a_warning_that_is_not_known_is_passed_on() -> None:
    found = area(mapped(allergies_with(warnings=("new-reason",), note=[{"text": "Ask us."}])), "allergies")
    assert found["warnings"] == [{"code": "other", "text": "Ask us."}]
    assert not found["complete"]


@pytest.mark.duty("CS-044")
def test_items_with_a_warning_are_a_partial_list() -> None:
    record = mapped(
        b.record(
            b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1", warnings=("confidential-items",)),
            b.allergy(),
        )
    )
    found = area(record, "allergies")
    assert (found["outcome"], found["complete"], found["mapped"]) == ("items", False, 1)


@pytest.mark.duty("CS-038", "CS-039", "CS-040", "CS-042", "CS-043")
@pytest.mark.parametrize("text", [NOT_KNOWN, "includeAllergies has been disabled"])
@pytest.mark.parametrize("with_list", [True, False])
def test_an_area_the_practice_cannot_send_is_said_so_whatever_its_list_says(
    text: str, *, with_list: bool
) -> None:
    lists = [b.record_list(b.ALLERGIES_LIST), b.ended_list()] if with_list else []
    record = mapped(b.record(b.outcome(("includeAllergies", text)), *lists))
    for name in ("allergies", "ended_allergies"):
        found = area(record, name)
        assert (found["outcome"], found["complete"]) == ("not_supported", False)
        assert found["note"].startswith(text)
    assert area(record, "medications")["outcome"] == "list_absent"
    assert record["allergy_statement"] == "unavailable"


@pytest.mark.duty("CS-038", "CS-039")
def test_a_part_the_practice_cannot_do() -> None:
    record = mapped(
        b.record(
            b.outcome(
                ("includeMedication.includePrescriptionIssues", "no issues"),
                ("includeMedication.medicationSearchFromDate", "no search date"),
            ),
            b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1"),
            b.medication(),
            b.statement(),
            b.plan(),
        ),
        areas={"medications": {"search_from": "2026-01-01"}, "allergies": {}},
    )
    found = area(record, "medications")
    assert found["outcome"] == "items"
    assert found["note"] == "no issues no search date"
    assert "search_from" not in found
    assert found["warnings"] == [{"code": "search-date-ignored", "text": "no search date"}]
    assert "search_date_ignored" in issue_codes(record)
    assert record["medications"][0]["plan"]["issues_included"] is False


@pytest.mark.duty("CS-039")
def test_a_parameter_nobody_knows_is_still_said() -> None:
    found = area(mapped(b.record(b.outcome(("includeNovelty", "includeNovelty is new")))), "unknown")
    assert (found["outcome"], found["note"]) == ("not_supported", "includeNovelty is new")


@pytest.mark.duty("CS-092")
def test_a_list_that_should_be_there_and_is_not() -> None:
    record = mapped(b.record())
    assert area(record, "medications")["outcome"] == "list_absent"
    assert not area(record, "medications")["complete"]
    assert record["allergy_statement"] == "unavailable"
    assert "list_absent" in issue_codes(record)


def test_areas_that_were_not_asked_for() -> None:
    record = mapped(b.record(b.record_list(b.MEDICATIONS_LIST)), areas={"medications": {}})
    assert area(record, "allergies")["outcome"] == "not_requested"
    assert area(record, "ended_allergies")["outcome"] == "not_requested"
    assert record["allergy_statement"] == "unavailable"
    assert "list_absent" not in issue_codes(record)


def test_resources_of_other_areas_are_counted_and_never_lost() -> None:
    record = mapped(
        b.record(b.record_list("717711000000103", "Condition/c1"), b.problem("c1"), b.problem("c2")),
        areas={"medications": {}, "allergies": {}},
    )
    found = area(record, "problems")
    assert (found["outcome"], found["listed"], found["received"], found["mapped"]) == (
        "not_requested",
        1,
        2,
        0,
    )
    assert record["accounting"]["not_requested"] == 2


@pytest.mark.duty("CS-039", "CS-041")
def test_a_placeholder_is_visible_and_the_area_not_complete() -> None:
    text = "Medication items are not supported by the provider system."
    listed = b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1")
    listed["entry"].append({"item": {"display": text}})
    found = area(mapped(b.record(listed, b.statement(), b.plan(), b.medication())), "medications")
    assert found["placeholders"] == [text]
    assert (found["outcome"], found["complete"], found["listed"], found["mapped"]) == ("items", False, 2, 1)


def test_only_placeholders_is_an_area_that_is_not_supported() -> None:
    listed = b.record_list(
        b.ALLERGIES_LIST, entry=[{"item": {"display": "Allergy items have been disabled."}}]
    )
    record = mapped(b.record(listed))
    assert area(record, "allergies")["outcome"] == "not_supported"
    assert record["allergy_statement"] == "unavailable"


@pytest.mark.duty("CS-092")
def test_a_listed_allergy_that_was_not_sent_leaves_no_room_for_none() -> None:
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/gone")))
    assert area(record, "allergies")["outcome"] == "failed"
    assert record["allergy_statement"] == "unavailable"
    assert "list_entry_missing" in issue_codes(record)


@pytest.mark.duty("CS-079")
def test_the_search_date_stays_visible() -> None:
    record = mapped(b.typical_record(), areas={"medications": {"search_from": "2026-01-01"}, "allergies": {}})
    assert area(record, "medications")["search_from"] == "2026-01-01"
    assert "search_from" not in area(record, "allergies")


def test_lists_go_by_their_code_whatever_their_title() -> None:
    listed = b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1", title="Medication List")
    assert area(mapped(b.record(listed, b.allergy())), "allergies")["listed"] == 1


def test_a_list_about_another_patient_is_reported_and_its_items_judged_alone() -> None:
    subject = {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": b.OTHER_NHS_NUMBER}}
    record = mapped(b.record(b.ended_list(b.ended_allergy(), subject=subject)))
    assert record["allergies"][0]["clinical_status"] == "resolved"
    assert "list_subject_conflict" in issue_codes(record)
