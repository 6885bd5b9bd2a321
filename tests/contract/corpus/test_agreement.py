"""Our record of each corpus file against the facts an independent program found in it."""

import json
from typing import Any

import orjson
import pytest

from bridge.areas import MedicationCourse, check_record
from bridge.errors import ResponseInvalid
from bridge.record import CodedText, PartialDate
from tests.support.corpus import CORPUS, expected, files, mapped

OUR_NAMES = {"diary": "diary_entries", "uncategorised": "observations"}
"""Of areas that a record calls by the names of requests."""
TYPES = {
    "acute": "acute",
    "repeat": "repeat",
    "repeat-dispensing": "repeat_dispensing",
    "delayed-prescribing": "delayed",
    "acute-handwritten": "acute_handwritten",
}
AGENCIES = {
    "prescribed-at-gp-practice": "this_practice",
    "prescribed-by-previous-practice": "previous_practice",
    "prescribed-by-another-organisation": "other_organisation",
}

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")


def same(path: str, theirs: Any, ours: Any) -> None:
    """Only facts that both hold are compared, and what they hold must be held here."""
    if theirs not in (None, [], ""):
        assert ours == theirs, path


def day(date: PartialDate | None) -> str | None:
    return date["value"] if date else None


def check_concept(path: str, theirs: dict[str, Any], ours: CodedText) -> None:
    # They show the first display; the guidance shows the description that was chosen, if any (CS-062).
    displays = [each.get("display") for each in ours["codings"]]
    assert theirs["name"] is None or theirs["name"] in (
        [ours["term"]] if theirs["text"] else [ours["term"], *displays]
    ), path
    if theirs["system"] == "http://snomed.info/sct":
        same(f"{path}.code", theirs["code"].strip(), ours.get("concept_id"))
    same(f"{path}.text", theirs["text"], ours.get("original_text"))
    assert theirs["degraded"] == (ours["coding_quality"] == "degraded"), path
    codings = [[each.get("system"), each.get("code"), each.get("display")] for each in ours["codings"]]
    same(f"{path}.codings", theirs["codings"], codings)


def check_notes(path: str, theirs: list[str], ours: list[Any]) -> None:
    assert len(theirs) == len(ours), path
    for text, note in zip(theirs, ours, strict=True):
        assert text.rstrip().endswith(note["text"].rstrip()), path
        assert note["audience"] == "unspecified" or text.lower().startswith(note["audience"]), path


def check_course(path: str, theirs: dict[str, Any], ours: MedicationCourse) -> None:
    if theirs["medication_resolved"]:
        check_concept(path, theirs, ours["medication"])
    same(f"{path}.status", theirs["status"], ours["status"])
    same(f"{path}.agency", AGENCIES.get(theirs["prescribing_agency"]), ours["prescribed_by"])
    same(f"{path}.start", theirs["start"], day(ours.get("effective_from")))
    same(f"{path}.end", theirs["end"], day(ours.get("effective_to")))
    same(f"{path}.asserted", theirs["date_asserted"], day(ours.get("asserted_at")))
    same(f"{path}.last_issue", theirs["last_issue_date"], day(ours.get("last_issued")))
    # A filler is no dosage: it counts as not recorded.
    dosage = [each.get("text", "Not recorded") for each in ours["dosage"]]
    same(f"{path}.dosage", theirs["dosage"], dosage)
    instructions = [each["patient_instruction"] for each in ours["dosage"] if "patient_instruction" in each]
    same(f"{path}.instruction", theirs["patient_instruction"], instructions)
    check_notes(path, theirs["notes"], ours["notes"])
    check_plan(path, theirs, ours)


def check_plan(path: str, theirs: dict[str, Any], ours: MedicationCourse) -> None:
    if theirs["plan_id"] is None:
        assert "plan_missing" in ours["issue_codes"], path
        return
    plan = ours["plan"]
    assert plan["provenance"]["source_ref"] == f"MedicationRequest/{theirs['plan_id']}"
    same(f"{path}.type", TYPES.get(theirs["prescription_type"]), plan["prescription_type"])
    same(f"{path}.plan_status", theirs["plan_status"], plan["status"])
    same(f"{path}.plan_start", theirs["plan_start"], day(plan.get("valid_from")))
    same(f"{path}.plan_end", theirs["plan_end"], day(plan.get("valid_to")))
    # Several are steps of one dosage: line by line.
    planned = plan.get("dosage", {}).get("text", "Not recorded")
    same(f"{path}.plan_dosage", "\n".join(theirs["plan_dosage"] or []), planned)
    repeat = plan.get("repeat", {})
    same(f"{path}.allowed", theirs["repeats_allowed"], repeat.get("issues_authorised"))
    same(f"{path}.issued", theirs["repeats_issued"], repeat.get("issues_made"))
    same(f"{path}.expiry", theirs["authorisation_expiry"], day(repeat.get("authorisation_expires")))
    stopped = plan.get("stopped", {})
    same(f"{path}.stopped", theirs["stopped_date"], day(stopped.get("on")))
    same(f"{path}.stop_reason", theirs["stopped_reason"], stopped.get("reason", {}).get("term"))
    if theirs["prior_plan"]:
        # EMIS numbers a business identifier as the id without hyphens, behind the patient's.
        assert theirs["prior_plan"].replace("-", "") in plan["prior_plan_id"].replace("-", "")
    refs = {issue["provenance"]["source_ref"].partition("/")[2] for issue in plan["issues"]}
    # They follow relative references only; bare ids are followed here too (digest §8.3).
    assert refs >= set(theirs["order_ids"]), path
    if theirs["latest_order_start"]:
        same(f"{path}.latest", theirs["latest_order_start"], day(plan["issues"][0].get("issue_date")))
    if theirs["quantity"]:
        value, unit = theirs["quantity"]
        quantity = plan.get("quantity", {})
        assert value is None or float(value) == quantity.get("value"), path
        same(f"{path}.unit", unit, quantity.get("unit"))


@pytest.mark.parametrize("name", files("bundle"))
def test_every_medication_fact(name: str) -> None:
    facts, record = expected(name), mapped(name)
    by_ref = {course["provenance"]["source_ref"]: course for course in record["medications"]}
    for theirs in facts["medications"]:
        check_course(f"{name} {theirs['id']}", theirs, by_ref[f"MedicationStatement/{theirs['id']}"])
    counted = facts["medication_counts"]
    without_plan = {ref for ref, course in by_ref.items() if "issue_without_plan" in course}
    assert without_plan <= {f"MedicationRequest/{each}" for each in counted["orders_without_plan"]}
    without_statement = {
        ref for ref, course in by_ref.items() if "statement_missing" in course["issue_codes"]
    }
    assert without_statement == {f"MedicationRequest/{each}" for each in counted["plans_without_statement"]}
    assert len(by_ref) == counted["statements"] + len(without_plan) + len(without_statement)


@pytest.mark.parametrize("name", files("bundle"))
def test_every_allergy_fact(name: str) -> None:
    facts, record = expected(name), mapped(name)
    by_id = {
        each["provenance"]["source_ref"].replace("#", "/").rpartition("/")[2]: each
        for each in record["allergies"]
    }
    assert len(by_id) == len(facts["allergies"]) == len(record["allergies"])
    for theirs in facts["allergies"]:
        path, ours = f"{name} {theirs['id']}", by_id[theirs["id"]]
        check_concept(path, theirs, ours["substance"])
        same(f"{path}.status", theirs["clinical_status"], ours["clinical_status"])
        assert (theirs["section"] == "resolved") == (ours["clinical_status"] == "resolved"), path
        assert theirs["no_known_allergy"] == (ours["statement"] == "no_known_allergy"), path
        same(f"{path}.category", theirs["category"], [ours["category"]])
        same(f"{path}.criticality", theirs["criticality"], ours.get("criticality"))
        same(f"{path}.type", theirs["type"], ours.get("reaction_type"))
        same(f"{path}.asserted", theirs["asserted_date"], day(ours.get("asserted_at")))
        same(f"{path}.onset", theirs["onset"], day(ours.get("onset")))
        same(f"{path}.last", theirs["last_occurrence"], day(ours.get("last_occurrence")))
        same(f"{path}.ended", theirs["end_date"], day(ours.get("ended", {}).get("on")))
        same(f"{path}.reason", theirs["reason_ended"], ours.get("ended", {}).get("reason", {}).get("term"))
        check_notes(path, theirs["notes"], ours["notes"])
        assert len(ours["reactions"]) == theirs["n_reactions"]
        for one, other in zip(theirs["reactions"], ours["reactions"], strict=True):
            for words, found in zip(one["manifestations"], other["manifestations"], strict=True):
                assert words in [found["term"], *(each.get("display") for each in found["codings"])], path
            same(f"{path}.severity", one["severity"], other.get("severity"))
            same(f"{path}.description", one["description"], other.get("description"))


@pytest.mark.parametrize("name", files("bundle"))
def test_lists_their_warnings_and_why_they_are_empty(name: str) -> None:
    facts, areas = expected(name), {area["area"]: area for area in mapped(name)["areas"]}
    for theirs in facts["lists"]:
        if theirs["kind"] != "primary" or theirs["code"] is None:
            continue
        ours = areas.get(theirs["area"]) or areas[OUR_NAMES[theirs["area"]]]
        assert ours["listed"] == theirs["entries"], theirs["area"]
        # Those of secondary lists stand beside them.
        own = [warning["code"] for warning in ours["warnings"] if "secondary_list" not in warning]
        assert own == sorted(theirs["warnings"]), theirs["area"]
        same(f"{theirs['area']}.empty", theirs["empty_reason"], ours.get("empty_reason"))
        for text in theirs["notes"]:
            assert text in ours["note"]
        if theirs["warnings"] or theirs["unresolved_items"]:
            assert not ours["complete"]


@pytest.mark.parametrize("name", files("bundle"))
def test_every_resource_is_mapped_counted_or_explained(name: str) -> None:
    facts, record = expected(name), mapped(name)
    # They count a Type/id that was sent twice once.
    repeated = [each.partition("/")[0] for each in facts["anomalies"]["duplicate_ids"]]
    for kind, theirs in facts["bundle"]["resources"].items():
        assert record["counts"][kind] == theirs + repeated.count(kind)
    accounting = record["accounting"]
    parts = (accounting["mapped"], accounting["context"], accounting["not_requested"], accounting["unmapped"])
    assert sum(parts) == accounting["received"] == facts["bundle"]["entries"]
    assert accounting["unmapped"] <= len(record["unmapped"])
    assert all(issue["code"] != "count_mismatch" for issue in record["issues"])


@pytest.mark.parametrize("name", files("bundle"))
def test_the_record_keeps_to_its_schema(name: str) -> None:
    record = mapped(name)
    assert check_record(json.loads(orjson.dumps(record))) == record


@pytest.mark.parametrize("name", files("operation-outcome"))
def test_what_is_no_bundle_is_refused_by_name(name: str) -> None:
    with pytest.raises(ResponseInvalid, match="resourceType OperationOutcome"):
        mapped(name)
