"""Elements that GP Connect does not use: an item is what it would be without them, and the record tells of them."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import mapped
from tests.support.whole_record import COMMENT, whole_record

WORDS = {"text": "words of no place"}
WEAL = b.concept("247472004", "Weal")
SENT: dict[str, dict[str, Any]] = {
    "AllergyIntolerance/a1": {
        "reaction": [{"manifestation": [WEAL], "severity": "moderate", "note": [WORDS]}]
    },
    "MedicationStatement/s1": {"reasonNotTaken": [WORDS]},
    "MedicationRequest/plan1": {"substitution": {"allowed": False}},
    "MedicationRequest/order1": {"reasonCode": [WORDS]},
    "Condition/c2": {"severity": WORDS},
    "Immunization/i1": {"reaction": [{"date": "2025"}]},
    "Observation/o1": {"device": b.reference("Device/d1")},
    "Observation/n1": {"valueBoolean": True},
    "Observation/r3": {"basedOn": [b.reference("ProcedureRequest/p1")]},
    "QuestionnaireResponse/q1": {"source": b.reference("Patient/p1")},
    "DiagnosticReport/r1": {"presentedForm": [{"data": "AAAA"}]},
    "Specimen/s1": {"container": [{"description": "tube"}]},
    "ProcedureRequest/p1": {"priority": "urgent"},
    "ProcedureRequest/p2": {"priority": "urgent"},
    "ReferralRequest/rr1": {"type": WORDS},
    "Encounter/e1": {"priority": WORDS},
    "List/t1": {"emptyReason": WORDS},
    "DocumentReference/d1": {"docStatus": "final"},
}


def whole(changes: dict[str, Any] | None = None, of: str = "") -> Any:
    bundle = whole_record()
    for entry in bundle["entry"]:
        if f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}" == of:
            entry["resource"].update(changes or {})
    return mapped(bundle)


def said(value: Any) -> Any:
    """A value of a record without the hashes of what was received."""
    if isinstance(value, list):
        return [said(each) for each in value]
    if isinstance(value, dict):
        return {name: said(each) for name, each in value.items() if name != "content_hash"}
    return value


@pytest.fixture(scope="module")
def before() -> Any:
    return whole()


@pytest.mark.duty("CS-037", "CS-041")
@pytest.mark.parametrize("of", SENT)
def test_an_item_is_what_it_is_without_them_and_the_record_says_that_they_were_sent(
    of: str, before: Any
) -> None:
    record = whole(SENT[of], of)
    for name in set(record) - {"issues", "snapshot_id"}:
        assert said(record[name]) == said(before[name]), name
    [issue] = [each for each in record["issues"] if each not in before["issues"]]
    assert (issue["code"], issue["source_ref"]) == ("element_not_in_profile", of)
    [element] = SENT[of]
    assert issue["path"].partition(".")[0] == element


def test_those_of_a_list_inside_of_a_list_are_told_as_well() -> None:
    inside = {**b.record_list("24781000000107", "Observation/n2"), "id": "h1", "note": [WORDS]}
    note = {
        "resourceType": "Observation",
        "id": "n2",
        "status": "final",
        "code": b.concept(COMMENT, "Comment note"),
        "subject": b.reference("Patient/p1"),
        "comment": "Rest.",
    }
    bundle = whole_record()
    for each in [entry["resource"] for entry in bundle["entry"]]:
        if (each["resourceType"], each.get("id")) == ("List", "t1"):
            each["contained"] = [inside]
            each["entry"].append({"item": b.reference("#h1")})
    bundle["entry"].append({"resource": note})
    record = mapped(bundle)
    [found] = record["consultations"]
    assert [each["text"] for each in found["topics"][0]["headings"][-1]["narrative"]] == ["Rest."]
    assert "element_not_in_profile" not in found["issue_codes"]
    told = [each for each in record["issues"] if each["code"] == "element_not_in_profile"]
    assert [(each["source_ref"], each["path"]) for each in told] == [("List/t1#h1", "note")]
