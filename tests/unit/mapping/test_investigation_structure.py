"""What belongs to which report, and where in it: groups, results, filing comments and what is contained."""

import pytest

from tests.support import bundles as b
from tests.support.investigations import (
    BLOODS,
    DEGRADED,
    MARKER,
    a_test,
    all_ids,
    comment,
    ids,
    one,
    record_of,
    refs,
    related,
    report,
    request,
    shape,
    specimen,
)
from tests.support.mapped import area
from tests.support.whole_record import observation


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("downwards", [True, False])
def test_results_are_found_through_has_member_or_derived_from_or_both(upwards, downwards):
    found = one(
        report("r1", "g"),
        observation("g", BLOODS, related=related("has-member", "b", "a") if downwards else None),
        a_test("a", related=related("derived-from", "g") if upwards else None),
        a_test("b", related=related("derived-from", "g") if upwards else None),
    )
    order = ["b", "a"] if downwards else ["a", "b"]
    assert shape(found) == (([("g", order)], [], []) if upwards or downwards else ([], ["g"], []))
    if upwards or downwards:
        assert found["title"] == "Full blood count"


def test_a_result_in_no_group_stands_beside_the_groups_and_in_the_title():
    found = one(
        report("r1", "g", "c"),
        observation("g", BLOODS, related=related("has-member", "a")),
        a_test("a"),
        a_test("c", "Ferritin"),
    )
    assert shape(found) == ([("g", ["a"])], ["c"], [])
    assert (found["title"], found["title_from"]) == ("Full blood count; Ferritin", "results")


def test_a_result_whose_only_members_are_filing_comments_is_no_group():
    found = one(report("r1", "a"), a_test("a", related=related("has-member", "f")), comment("f"))
    assert shape(found) == ([], ["a"], ["f"])


def test_a_group_in_a_group_stands_by_itself_and_the_outer_one_leads_to_it():
    found = one(
        report("r1", "g"),
        observation("g", BLOODS, related=related("has-member", "h", "a")),
        observation("h", BLOODS, related=related("has-member", "b")),
        a_test("a"),
        a_test("b"),
    )
    assert shape(found) == ([("g", ["a"]), ("h", ["b"])], [], [])
    assert [each["source_ref"] for each in found["groups"][0]["members"]] == [
        "Observation/h",
        "Observation/a",
    ]
    assert found["groups"][0]["members"][0]["item_id"] == found["groups"][1]["item_id"]


def test_a_relation_without_a_type_leads_from_what_the_report_names():
    found = one(report("r1", "g"), observation("g", BLOODS, related=related(None, "a")), a_test("a"))
    assert shape(found) == ([("g", ["a"])], [], [])


def test_circles_lose_nothing_and_repeat_nothing():
    record = record_of(
        report("r1", "a", "z"),
        a_test("a", related=related("has-member", "b", "z")),
        a_test("b", related=related("has-member", "a")),
        a_test("z", related=related("has-member", "z")),
    )
    assert sorted(all_ids(record)) == ["a", "b", "z"]
    assert record["accounting"]["unmapped"] == 0


def test_a_result_of_two_groups_stands_in_the_first():
    found = one(
        report("r1", "g", "h"),
        observation("g", BLOODS, related=related("has-member", "a")),
        observation("h", BLOODS, related=related("has-member", "a")),
        a_test("a"),
    )
    assert shape(found) == ([("g", ["a"]), ("h", [])], [], [])
    assert [each["in_record"] for each in found["groups"][1]["members"]] == [True]


@pytest.mark.parametrize("order", [1, -1])
def test_a_result_of_two_reports_stands_in_one_and_the_other_leads_to_it(order):
    sent = [report("r1", "a"), report("r2", "a", "b", issued="2026-02-05"), a_test("a"), a_test("b")]
    record = record_of(*sent[::order])
    newer, older = record["investigations"]
    assert ids(older["results"]) == ["a"]
    assert ids(newer["results"]) == ["b"]
    [elsewhere] = newer["elsewhere"]
    assert elsewhere["named_as"] == "result"
    assert elsewhere["target"]["item_id"] == older["results"][0]["item_id"]


def test_what_a_report_names_counts_before_what_another_only_leads_to():
    record = record_of(
        report("r1", "g"),
        report("r2", "a"),
        observation("g", BLOODS, related=related("has-member", "a", "b")),
        a_test("a"),
        a_test("b"),
    )
    by_name = {ids([each])[0]: shape(each) for each in record["investigations"]}
    assert by_name == {"r1": ([("g", ["b"])], [], []), "r2": ([], ["a"], [])}


def test_what_a_report_names_and_was_not_sent_is_a_link():
    found = one(
        report(
            "r1",
            "a",
            specimen=[*refs("s1", kind="Specimen"), {"display": "Swab"}],
            basedOn=refs("q1", kind="ProcedureRequest"),
        )
    )
    assert [(each["named_as"], each["target"].get("reference")) for each in found["elsewhere"]] == [
        ("result", "Observation/a"),
        ("specimen", "Specimen/s1"),
        ("specimen", None),
        ("request", "ProcedureRequest/q1"),
    ]
    assert found["elsewhere"][2]["target"]["display"] == "Swab"


@pytest.mark.parametrize("from_comment", [True, False])
@pytest.mark.parametrize("from_result", [True, False])
def test_filing_comments_say_what_they_are_about_from_either_side(from_comment, from_result):
    found = one(
        report("r1", "a", "f"),
        a_test("a", related=related("has-member", "f") if from_result else None),
        comment(
            "f",
            "Speak to GP",
            related=related("derived-from", "a") if from_comment else None,
            effectiveDateTime="2026-02-05T09:00:00+00:00",
        ),
    )
    [said] = found["filing_comments"]
    assert (said["source_ref"], said["text"]) == ("Observation/f", "Speak to GP")
    assert said["filed_at"]["value"] == "2026-02-05T09:00:00+00:00"
    assert "comment" not in said
    assert "effective" not in said
    if from_comment or from_result:
        assert said["about"]["item_id"] == found["results"][0]["item_id"]
    else:
        assert "about" not in said, "it is about the report"


def test_one_test_may_have_several_filing_comments_and_one_comment_several_tests():
    found = one(
        report("r1", "a", "b"),
        a_test("a"),
        a_test("b"),
        comment("f", related=related("derived-from", "a")),
        comment("g", related=related("derived-from", "a", "b")),
    )
    by_name = dict(zip(ids(found["filing_comments"]), found["filing_comments"], strict=True))
    assert by_name["f"]["about"]["source_ref"] == by_name["g"]["about"]["source_ref"] == "Observation/a"
    assert [each["source_ref"] for each in by_name["g"]["also_about"]] == ["Observation/b"]


@pytest.mark.duty("CS-103")
def test_lines_of_a_filing_comment_stay_words():
    words = "Title: Bloods\nResult indicator: Unknown\nValue: 3 mmol/L\nReference range: 1 - 2\nInterpretation Code: X"
    [said] = one(report("r1", "f"), comment("f", words))["filing_comments"]
    assert said["text"] == words
    assert said["reference_ranges"] == []
    assert {"value", "interpretation"}.isdisjoint(said)


def test_a_marker_is_the_heading_of_what_follows_where_nothing_is_related():
    found = one(
        report("r1", "a", "m", "b", "c", "f"),
        a_test("a", "Ferritin"),
        observation("m", MARKER),
        a_test("b", "Sodium"),
        observation("c", DEGRADED),
        comment("f"),
    )
    assert shape(found) == ([("m", ["b", "c"])], ["a"], ["f"])
    assert found["groups"][0]["grouped_by"] == "order"
    assert found["title"] == "Sodium; Ferritin"


def test_a_marker_is_none_where_results_are_related():
    found = one(
        report("r1", "m", "g", "b"),
        observation("m", MARKER),
        observation("g", BLOODS, related=related("has-member", "a")),
        a_test("a"),
        a_test("b"),
    )
    assert shape(found) == ([("g", ["a"])], ["m", "b"], [])


def test_what_no_report_names_is_listed_and_not_lost():
    record = record_of(report("r1"), specimen("s2"), request("q2"))
    left = {each["source_ref"]: each["detail"] for each in record["unmapped"]}
    assert left == dict.fromkeys(("Specimen/s2", "ProcedureRequest/q2"), "No report that was sent names it.")
    assert area(record, "investigations")["complete"] is False


def test_a_result_of_a_report_that_is_not_used_is_listed_with_its_comment():
    other = b.patient(id="p2", identifier=b.identifier("9990000018"))
    record = record_of(
        other,
        report("r1", "a", subject=b.reference("Patient/p2")),
        a_test("a", "HIV", comment="not detected"),
    )
    assert record["investigations"] == []
    left = {each["source_ref"]: each for each in record["unmapped"]}
    assert left["DiagnosticReport/r1"]["reason"] == "wrong_patient"
    assert left["Observation/a"]["reason"] == "dangling_reference"
    assert left["Observation/a"]["detail"] == "The report that names it is about another patient."
    assert left["Observation/a"]["display"] == "HIV: not detected"


def test_copies_count_once_and_different_ones_of_an_id_are_all_there():
    record = record_of(
        report("r1", "a"),
        a_test("a", comment="one"),
        a_test("a", comment="one"),
        a_test("a", comment="two"),
    )
    [found] = record["investigations"]
    assert sorted(each["comment"] for each in found["results"]) == ["one", "two"]
    assert len({each["item_id"] for each in found["results"]}) == 2
    assert [each["reason"] for each in record["unmapped"]] == ["duplicate_id"]
    assert "count_mismatch" not in {issue["code"] for issue in record["issues"]}


def test_what_a_report_contains_is_part_of_it():
    inside = [
        {**observation("g", BLOODS), "related": [{"type": "has-member", "target": {"reference": "#a"}}]},
        a_test("a"),
        {**comment("f"), "related": [{"type": "derived-from", "target": {"reference": "#a"}}]},
        specimen("s"),
        request("q"),
    ]
    record = record_of(
        report(
            "r1",
            result=[{"reference": "#g"}],
            specimen=[{"reference": "#s"}],
            basedOn=[{"reference": "#q"}],
            contained=inside,
        )
    )
    [found] = record["investigations"]
    assert shape(found) == ([("r1#g", ["r1#a"])], [], ["r1#f"])
    assert found["filing_comments"][0]["about"]["item_id"] == found["groups"][0]["results"][0]["item_id"]
    assert (len(found["specimens"]), len(found["requests"])) == (1, 1)
    assert record["accounting"]["unmapped"] == 0
    assert "count_mismatch" not in {issue["code"] for issue in record["issues"]}


def test_a_bare_id_a_doubled_type_and_blanks_lead_to_the_result():
    sent = [
        {"reference": each}
        for each in ("a", "https://x.example/Observation/Observation/b", " Observation/c ")
    ]
    found = one(report("r1", result=sent), a_test("a"), a_test("b"), a_test("c"))
    assert ids(found["results"]) == ["a", "b", "c"]
