"""Specimens of a report, and the request behind it."""

import pytest

from bridge.errors import ResponseInvalid
from tests.support import bundles as b
from tests.support.investigations import FASTING, a_test, one, record_of, refs, report, request, specimen
from tests.support.whole_record import observation


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


def test_a_specimen_that_very_many_reports_repeat_does_not_make_a_record_of_any_size():
    named = refs("s1", kind="Specimen")
    reports = [report(f"r{n}", specimen=named) for n in range(700)]
    with pytest.raises(ResponseInvalid, match="record_too_large"):
        record_of(*reports, specimen(note=[{"text": "x" * 200_000}]))
    assert len(record_of(*reports, specimen(note=[{"text": "x" * 2_000}]))["investigations"]) == 700
