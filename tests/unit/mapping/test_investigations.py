"""Investigations: reports with everything a laboratory and the practice wrote about them, once and whole."""

import itertools
from datetime import date
from typing import Any

import pytest

from bridge.areas.requests import Areas
from bridge.errors import ResponseInvalid
from bridge.fhir.parameters import DayPeriod
from tests.support import bundles as b
from tests.support.mapped import area, mapped
from tests.support.whole_record import COMMENT, SUBJECT, observation

LIST = "887191000000108"
WANTED: dict[str, Any] = {"investigations": {}}
REPORT = b.concept("721981007", "Diagnostic studies report")
BLOODS = b.concept("1022441000000101", "Full blood count")
NOTE = b.concept(COMMENT, "Comment note")
MARKER = {**b.concept("364712009", "Laboratory test observable"), "text": "Laboratory procedures"}
DEGRADED = b.concept("196411000000103", "Transfer-degraded record entry")
FASTING = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-FastingStatus-1"
TABLE = "Sample      Result\r\n  GLUCOSE      4.1\n\tLACTATE   <0.5\n"


def refs(*ids, kind="Observation"):
    return [b.reference(f"{kind}/{each}") for each in ids]


def report(local_id="r1", *results, **overrides):
    return b.built(
        {
            "resourceType": "DiagnosticReport",
            "id": local_id,
            "identifier": b.identifier(f"dr-{local_id}"),
            "status": "final",
            "code": REPORT,
            **SUBJECT,
            "issued": "2026-02-04T08:00:00+00:00",
            "result": refs(*results),
        },
        overrides,
    )


def related(kind, *ids):
    return [{**({"type": kind} if kind else {}), "target": each} for each in refs(*ids)]


def a_test(local_id, name=None, **overrides):
    return observation(local_id, b.concept("1022431000000105", name or f"Test {local_id}"), **overrides)


def comment(local_id, text="Normal, no action", **overrides):
    return observation(local_id, NOTE, status="unknown", comment=text, **overrides)


def specimen(local_id="s1", **overrides):
    return b.built(
        {
            "resourceType": "Specimen",
            "id": local_id,
            "identifier": b.identifier(f"sp-{local_id}"),
            **SUBJECT,
            "type": {"text": "Blood"},
        },
        overrides,
    )


def request(local_id="q1", **overrides):
    return b.built(
        {
            "resourceType": "ProcedureRequest",
            "id": local_id,
            "identifier": b.identifier(f"pr-{local_id}"),
            "status": "active",
            "intent": "order",
            **SUBJECT,
            "code": {"text": "No code available"},
        },
        overrides,
    )


def record_of(*sent, areas=WANTED, **overrides):
    targets = [
        f"DiagnosticReport/{each['id']}" for each in sent if each["resourceType"] == "DiagnosticReport"
    ]
    return mapped(b.record(b.record_list(LIST, *targets), *sent), areas=areas, **overrides)


def one(*sent):
    (found,) = record_of(*sent)["investigations"]
    return found


def ids(found):
    return [each["provenance"]["source_ref"].partition("/")[2] for each in found]


def shape(found):
    groups = [(ids([each])[0], ids(each["results"])) for each in found["groups"]]
    return groups, ids(found["results"]), ids(found["filing_comments"])


def all_ids(record):
    """Every Observation of the record, as often as it stands there."""
    for found in record["investigations"]:
        groups, alone, comments = shape(found)
        yield from itertools.chain(*([heading, *under] for heading, under in groups), alone, comments)


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


@pytest.mark.parametrize("holder", ["specimen", "collection"])
def test_a_specimen_says_what_was_sent(holder):
    fasting = [{"url": FASTING, "valueCodeableConcept": {"text": "Fasted"}}]
    collection = {
        "collectedPeriod": {"start": "2026-02-01", "end": "2026-02-02"},
        "collector": {"display": "Nurse Green"},
        "quantity": {"value": 5, "unit": "mL"},
        "bodySite": {"text": "Left arm"},
        "method": {"text": "Venepuncture"},
        **({"extension": fasting} if holder == "collection" else {}),
    }
    found = one(
        report("r1", specimen=refs("s1", kind="Specimen")),
        specimen(
            accessionIdentifier={"value": "G,26.1"},
            status="unsatisfactory",
            receivedTime="2026-02-03",
            collection=collection,
            meta={"security": [{"code": "NOPAT"}]},
            **({"extension": fasting} if holder == "specimen" else {}),
        ),
    )
    [taken] = found["specimens"]
    assert taken["source_ref"] == "Specimen/s1"
    assert taken["business_ids"][0]["value"] == "sp-s1"
    assert (taken["accession"], taken["status"], taken["type"]["term"]) == (
        "G,26.1",
        "unsatisfactory",
        "Blood",
    )
    assert [taken[key]["value"] for key in ("collected", "collected_to", "received_at")] == [
        "2026-02-01",
        "2026-02-02",
        "2026-02-03",
    ]
    assert taken["collector"]["name"] == "Nurse Green"
    assert taken["quantity"] == {"value": 5, "unit": "mL"}
    assert [taken[key]["term"] for key in ("body_site", "method", "fasting")] == [
        "Left arm",
        "Venepuncture",
        "Fasted",
    ]
    assert taken["security_labels"] == ["NOPAT"]
    assert taken["issue_codes"] == ["display_only_reference"]


@pytest.mark.parametrize(
    ("sent", "key", "said"),
    [
        ({"valueDuration": {"value": 12, "unit": "h"}}, "fasted_for", {"value": 12, "unit": "h"}),
        ({"valueCode": "F"}, "fasting", "F"),
        (
            {"valueCodeableConcept": b.concept("F", "Fasting", "http://hl7.org/fhir/v2/0916")},
            "fasting",
            "Fasting",
        ),
    ],
)
def test_fasting_is_a_concept_a_duration_or_a_code(sent, key, said):
    found = one(
        report("r1", specimen=refs("s1", kind="Specimen")), specimen(extension=[{"url": FASTING, **sent}])
    )
    [taken] = found["specimens"]
    assert taken[key] == said if key == "fasted_for" else taken[key]["term"] == said


def test_a_specimen_that_only_a_result_names_is_in_the_report_and_linked():
    found = one(
        report("r1", "a"),
        a_test("a", specimen=b.reference("Specimen/s1")),
        specimen(note=[{"text": "Lysed"}]),
    )
    assert [each["notes"][0]["text"] for each in found["specimens"]] == ["Lysed"]
    link = found["results"][0]["specimen"]
    assert (link["source_ref"], link["item_id"], link["in_record"]) == ("Specimen/s1", found["item_id"], True)


def test_a_specimen_of_two_reports_stands_in_both():
    named = refs("s1", kind="Specimen")
    record = record_of(report("r1", specimen=named), report("r2", specimen=[*named, *named]), specimen())
    assert [len(each["specimens"]) for each in record["investigations"]] == [1, 1]
    assert "count_mismatch" not in {issue["code"] for issue in record["issues"]}


def test_a_request_says_what_was_sent():
    found = one(
        report("r1", basedOn=refs("q1", kind="ProcedureRequest")),
        request(
            reasonCode=[{"text": "Tired"}],
            reasonReference=refs("o9"),
            requester={"agent": {"display": "Dr Green"}, "onBehalfOf": {"display": "Green Surgery"}},
            performer={"display": "Green Hospital"},
            authoredOn="2026-01-30",
            occurrenceDateTime="2026-02-01",
        ),
        observation("o9"),
    )
    [asked] = found["requests"]
    assert (asked["code"]["term"], asked["status"]) == ("No code available", "active")
    assert [each["term"] for each in asked["reason"]] == ["Tired"]
    assert [each["source_ref"] for each in asked["reason_items"]] == ["Observation/o9"]
    assert asked["requester"] == {
        "kind": "unknown",
        "name": "Dr Green",
        "organisation_name": "Green Surgery",
    }
    assert asked["performer"]["name"] == "Green Hospital"
    assert asked["requested_at"]["value"] == "2026-01-30"
    assert asked["issue_codes"] == ["display_only_reference"]


def test_a_request_not_to_do_something_says_so():
    found = one(report("r1", basedOn=refs("q1", kind="ProcedureRequest")), request(doNotPerform=True))
    [asked] = found["requests"]
    assert asked["do_not_perform"] is True
    assert "element_not_in_profile" in asked["issue_codes"]


def test_a_plan_is_no_request_of_a_report():
    record = record_of(report("r1", basedOn=refs("q1", kind="ProcedureRequest")), request(intent="plan"))
    [found] = record["investigations"]
    assert found["requests"] == []
    assert found["elsewhere"][0]["target"]["kind"] == "diary_entry"


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


def test_a_specimen_that_very_many_reports_repeat_does_not_make_a_record_of_any_size():
    named = refs("s1", kind="Specimen")
    reports = [report(f"r{n}", specimen=named) for n in range(700)]
    with pytest.raises(ResponseInvalid, match="record_too_large"):
        record_of(*reports, specimen(note=[{"text": "x" * 200_000}]))
    assert len(record_of(*reports, specimen(note=[{"text": "x" * 2_000}]))["investigations"]) == 700
