"""Where the parts of one medication do not agree: both are kept and the reader is told (digest §3.6)."""

from bridge.mapping.reading import Reading
from bridge.mapping.requests import same_medication
from bridge.mapping.values import without_change_warning
from bridge.record.common import CodedText
from bridge.record.medications import MedicationCourse, MedicationIssue, MedicationPlan, PrescriptionType

# Without an end these last one day (§3.9). An unknown type is dated as a repeat (CS-081).
_SINGLE_ISSUE: frozenset[PrescriptionType] = frozenset({"acute", "acute_handwritten", "delayed"})


def mark_medication(
    reading: Reading, part: MedicationPlan | MedicationIssue, own: CodedText, parent: CodedText
) -> None:
    """Name the drug of a plan or issue where it is not its parent's."""
    if own["coding_quality"] == "empty" or same_medication(own, parent):
        return
    part["medication"] = own
    mark(reading, part, "medication_conflict")


def mark_conflicts(reading: Reading, course: MedicationCourse) -> None:
    """States, dates, dosages and quantities of one course."""
    plan = course.get("plan")
    kind = plan["prescription_type"] if plan is not None else "unknown"
    ended = course["status"] in ("completed", "stopped")
    if ("effective_to" in course and course["status"] == "active") or (
        ended and "effective_to" not in course and kind not in _SINGLE_ISSUE
    ):
        mark(reading, course, "date_status_conflict")
    if plan is None:
        return
    if "unknown" not in (course["status"], plan["status"]) and course["status"] != plan["status"]:
        mark(reading, course, "status_conflict")
    if _dosages_differ(course, plan):
        mark(reading, course, "dosage_conflict")
    parts: list[MedicationPlan | MedicationIssue] = [plan, *plan["issues"]]
    for part in parts:
        if "quantity" not in part:
            mark(reading, part, "quantity_missing")


def _dosages_differ(course: MedicationCourse, plan: MedicationPlan) -> bool:
    own = [without_change_warning(each["text"]) for each in course["dosage"] if "text" in each]
    planned = plan.get("dosage", {}).get("text")
    return bool(own) and planned is not None and without_change_warning(planned) != "\n".join(own)


def mark(reading: Reading, part: MedicationCourse | MedicationPlan | MedicationIssue, code: str) -> None:
    """Note an issue of a part, with it and in the record."""
    part["issue_codes"].append(code)
    reading.report(code, part["provenance"]["source_ref"])
