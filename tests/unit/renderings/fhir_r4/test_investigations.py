"""Investigations in R4: reports with everything that stands in them."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support import investigations as i
from tests.support.r4 import of_kind, rendered, resources


def reported(*sent: dict[str, Any], **of_report: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    bundle = rendered(b.record_list(i.LIST, "DiagnosticReport/r1"), *sent)
    [found] = of_kind(bundle, "DiagnosticReport")
    return found, resources(bundle)


def test_a_report_leads_to_all_that_stands_in_it():
    found, everything = reported(
        i.report(
            "r1",
            "g1",
            "t2",
            "f1",
            basedOn=i.refs("q1", kind="ProcedureRequest"),
            specimen=i.refs("s1", kind="Specimen"),
            conclusion="Normal\n  for age",
        ),
        i.a_test("g1", "Full blood count", related=i.related("has-member", "t1")),
        i.a_test("t1", valueQuantity={"value": 0.5, "comparator": "<", "unit": "g/L"}),
        i.a_test("t2", specimen=b.reference("Specimen/s1")),
        i.comment("f1", "Tell the patient", related=i.related("derived-from", "t1")),
        i.specimen("s1", note=[{"text": "Haemolysed"}]),
        i.request("q1"),
    )
    heading, alone, filed = (everything[each["reference"]] for each in found["result"])
    [member] = (everything[each["reference"]] for each in heading["hasMember"])
    assert member["valueQuantity"] == {"value": 0.5, "comparator": "<", "unit": "g/L"}
    assert [each["text"] for each in filed["note"]] == ["Tell the patient"]
    assert [everything[each["reference"]] for each in filed["focus"]] == [member]
    [specimen] = (everything[each["reference"]] for each in found["specimen"])
    assert everything[alone["specimen"]["reference"]] == specimen
    assert [each["text"] for each in specimen["note"]] == ["Haemolysed"]
    [request] = (everything[each["reference"]] for each in found["basedOn"])
    assert request["intent"] == "order"
    assert found["conclusion"] == "Normal\n  for age"
    assert found["issued"] == "2026-02-04T08:00:00+00:00"


@pytest.mark.parametrize(
    ("sent", "told"),
    [("final", "final"), ("entered-in-error", "entered-in-error"), ("done", "unknown"), (None, "unknown")],
)
def test_a_state_is_one_of_r4_or_unknown(sent: str | None, told: str):
    found, _ = reported(i.report("r1", status=sent))
    assert found["status"] == told


def test_what_a_report_names_and_was_not_sent_is_words():
    found, _ = reported(i.report("r1", "gone", specimen=[{"display": "Blood, not sent"}]))
    assert all("reference" not in each for each in (*found["result"], *found["specimen"]))
    assert found["specimen"] == [{"display": "Blood, not sent"}]


def test_a_specimen_of_two_reports_is_written_once():
    bundle = rendered(
        b.record_list(i.LIST, "DiagnosticReport/r1", "DiagnosticReport/r2"),
        i.report("r1", specimen=i.refs("s1", kind="Specimen")),
        i.report("r2", specimen=i.refs("s1", kind="Specimen")),
        i.specimen("s1"),
    )
    [specimen] = of_kind(bundle, "Specimen")
    named = {each["specimen"][0]["reference"] for each in of_kind(bundle, "DiagnosticReport")}
    assert named == {f"urn:uuid:{specimen['id']}"}


def test_a_specimen_keeps_when_it_was_taken_and_a_quantity_with_a_comparator_in_words():
    collection = {
        "collectedPeriod": {"start": "2026-02-03", "end": "2026-02-04"},
        "quantity": {"value": 5, "comparator": "<", "unit": "ml"},
    }
    _, everything = reported(
        i.report("r1", specimen=i.refs("s1", kind="Specimen")),
        i.specimen(
            "s1", collection=collection, status="unsatisfactory", accessionIdentifier={"value": "L-1"}
        ),
    )
    [specimen] = (each for each in everything.values() if each["resourceType"] == "Specimen")
    assert specimen["collection"]["collectedPeriod"] == {"start": "2026-02-03", "end": "2026-02-04"}
    assert "value" not in specimen["collection"]["quantity"]
    assert specimen["collection"]["quantity"]["unit"] == "< 5 ml"
    assert (specimen["status"], specimen["accessionIdentifier"]) == ("unsatisfactory", {"value": "L-1"})


def test_a_request_not_to_do_something_says_that():
    _, everything = reported(
        i.report("r1", basedOn=i.refs("q1", kind="ProcedureRequest")),
        i.request("q1", doNotPerform=True, status="cancelled"),
    )
    [request] = (each for each in everything.values() if each["resourceType"] == "ServiceRequest")
    assert (request["doNotPerform"], request["status"]) == (True, "revoked")
