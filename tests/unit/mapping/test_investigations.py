"""Investigations: reports with everything a laboratory and the practice wrote about them, once and whole."""

from datetime import date

import pytest

from bridge.areas.requests import Areas
from bridge.fhir.parameters import DayPeriod
from tests.support import bundles as b
from tests.support.investigations import (
    BLOODS,
    DEGRADED,
    LIST,
    MARKER,
    REPORT,
    TABLE,
    WANTED,
    a_test,
    comment,
    ids,
    one,
    record_of,
    refs,
    related,
    report,
    request,
    specimen,
)
from tests.support.mapped import area, mapped
from tests.support.whole_record import observation


def test_a_report_says_what_was_sent():
    found = one(
        report(
            results=None,
            status="preliminary",
            category=b.concept("PAT", "Pathology", "http://hl7.org/fhir/v2/0074"),
            performer=[{"actor": {"display": "Green Hospital"}}],
            conclusion=TABLE,
            codedDiagnosis=[b.concept("271737000", "Anaemia")],
            context=b.reference("Encounter/e1"),
        )
    )
    assert found["status"] == "preliminary"
    assert found["issued"]["value"] == "2026-02-04T08:00:00+00:00"
    assert [each["term"] for each in found["categories"]] == ["Pathology"]
    assert found["performers"] == [{"kind": "unknown", "name": "Green Hospital"}]
    assert found["conclusion"] == TABLE
    assert [each["term"] for each in found["coded_diagnoses"]] == ["Anaemia"]
    assert found["provenance"]["encounter_ref"] == "Encounter/e1"
    assert (found["groups"], found["results"], found["filing_comments"]) == ([], [], [])
    assert (found["title"], found["title_from"]) == ("Diagnostic studies report", "code")


@pytest.mark.parametrize("sent", [None, "amended", "entered-in-error", 7])
def test_a_state_that_is_not_used_is_unknown_and_told(sent):
    found = one(report(status=sent))
    assert found["status"] == "unknown"
    assert found.get("source_status") == (None if sent is None else str(sent))
    assert "unknown_status" in found["issue_codes"]


def test_the_state_unknown_which_one_system_sends_of_every_report_is_no_defect():
    found = one(report(status="unknown"))
    assert found["status"] == "unknown"
    assert "source_status" not in found
    assert "unknown_status" not in found["issue_codes"]


@pytest.mark.parametrize(
    ("code", "title", "title_from"),
    [
        (REPORT, "Test a", "results"),
        ({"text": "diagnostic studies report"}, "Test a", "results"),
        (None, "Test a", "results"),
        ({**REPORT, "text": "Post-mortem"}, "Post-mortem", "code"),
        (b.concept("371527006", "Radiology report"), "Radiology report", "code"),
    ],
)
def test_the_title_comes_from_the_results_unless_the_report_says_more(code, title, title_from):
    found = one(report("r1", "a", code=code), a_test("a"))
    assert (found["title"], found["title_from"]) == (title, title_from)


def test_a_title_names_no_comment_and_no_degraded_code_and_ends_somewhere():
    names = [str(n) for n in range(8)]
    found = one(report("r1", "x", "f", *names), observation("x", DEGRADED), comment("f"), *map(a_test, names))
    assert found["title"] == "Test 0; Test 1; Test 2; Test 3; Test 4 and 3 more"
    bare = one(report("r1", "m", "x"), observation("m", MARKER), observation("x", DEGRADED))
    assert (bare["title"], bare["title_from"]) == ("Laboratory procedures", "results")


@pytest.mark.duty("CS-102")
@pytest.mark.parametrize("as_list", [True, False])
def test_reports_of_every_category_are_there(as_list):
    radiology = b.concept("RAD", "Radiology", "http://hl7.org/fhir/v2/0074")
    record = record_of(report("r1", category=[radiology] if as_list else radiology), report("r2"))
    assert len(record["investigations"]) == 2
    terms = [[one["term"] for one in each["categories"]] for each in record["investigations"]]
    assert sorted(terms) == [[], ["Radiology"]]


@pytest.mark.duty("CS-101")
@pytest.mark.duty("CS-103")
def test_notes_of_every_level_are_there_with_their_layout():
    found = one(
        report(
            "r1",
            "g",
            "f",
            conclusion=TABLE,
            specimen=refs("s1", kind="Specimen"),
            basedOn=refs("q1", kind="ProcedureRequest"),
        ),
        observation("g", BLOODS, related=related("has-member", "a"), comment=TABLE),
        a_test("a", comment=TABLE),
        comment("f", TABLE),
        specimen(note=[{"text": TABLE}]),
        request(note=[{"text": TABLE}]),
    )
    assert [
        found["conclusion"],
        found["groups"][0]["comment"],
        found["groups"][0]["results"][0]["comment"],
        found["filing_comments"][0]["text"],
        found["specimens"][0]["notes"][0]["text"],
        found["requests"][0]["notes"][0]["text"],
    ] == [TABLE] * 6


def test_a_value_keeps_its_digits_and_its_comparator():
    found = one(
        report("r1", "a"),
        a_test("a", valueQuantity={"value": "1.50", "comparator": "<", "unit": "mmol/L"}),
    )
    value = found["results"][0]["value"]
    assert (value["value_as_sent"], value["comparator"], value["unit"]) == ("1.50", "<", "mmol/L")


def test_what_changes_the_meaning_of_a_part_is_told_with_it():
    unsafe = [{"url": "https://x.example/not-so", "valueBoolean": True}]
    record = record_of(
        report("r1", "a", specimen=refs("s1", kind="Specimen"), basedOn=refs("q1", kind="ProcedureRequest")),
        a_test("a", modifierExtension=unsafe),
        specimen(modifierExtension=unsafe),
        request(modifierExtension=unsafe),
    )
    [found] = record["investigations"]
    for part in (found["results"][0], found["specimens"][0], found["requests"][0]):
        assert "modifier_extension" in part["issue_codes"]
    assert "modifier_extension" not in found["issue_codes"]


def test_an_extension_that_is_not_known_is_told():
    found = one(report(extension=[{"url": "https://x.example/y"}]))
    assert found["issue_codes"] == ["unknown_extension"]


def test_an_empty_list_is_nothing_recorded():
    record = mapped(b.record(b.record_list(LIST)), areas=WANTED)
    assert area(record, "investigations")["outcome"] == "nothing_recorded"


def test_the_newest_come_first():
    record = record_of(
        report("r1", issued="2025-01-01"), report("r2", issued="2026-01-01"), report("r3", issued=None)
    )
    assert ids(record["investigations"]) == ["r2", "r1", "r3"]


def test_a_period_is_asked_for_by_its_bounds():
    asked = Areas.model_validate({"investigations": {"from": "2025-01-01", "to": "2025-06-30"}})
    period = DayPeriod(date(2025, 1, 1), date(2025, 6, 30))
    assert asked.parameters() == {"includeInvestigations": {"investigationSearchPeriod": period}}
    assert Areas.model_validate({"investigations": {}}).parameters() == {"includeInvestigations": {}}
