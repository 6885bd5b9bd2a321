"""Where the parts of one medication do not agree: both are kept and the reader is told (digest §3.6)."""

from datetime import date

from bridge.areas.medications.course_state import (
    SINGLE_ISSUE,
    course_state,
    end_has_passed,
    is_completed_but_running,
    stated_end,
)
from bridge.areas.medications.dosages import without_change_warning
from bridge.areas.medications.model import MedicationCourse, MedicationIssue, MedicationPlan
from bridge.areas.medications.requests import same_medication
from bridge.mapping.modifiers import CHANGES_MEANING
from bridge.mapping.reading import Reading
from bridge.record.common import CodedText

_NOT_TO_BE_USED = CHANGES_MEANING | {"medication_conflict"}


def mark_medication(
    reading: Reading, part: MedicationPlan | MedicationIssue, own: CodedText, parent: CodedText
) -> None:
    """Name the drug of a plan or issue where it is not its parent's."""
    if own["coding_quality"] == "empty" or same_medication(own, parent):
        return
    part["medication"] = own
    mark(reading, part, "medication_conflict")


def mark_conflicts(reading: Reading, course: MedicationCourse, today: date | None) -> None:
    """States, dates, dosages and quantities of one course, on the day of retrieval; and whether it runs."""
    course["course_state"] = course_state(course, today)
    if is_completed_but_running(course):
        mark(reading, course, "completed_but_running")
    plan = course.get("plan")
    kind = plan["prescription_type"] if plan is not None else "unknown"
    ended = course["status"] in ("completed", "stopped")
    end = stated_end(course)
    if end is None:
        conflict = ended and kind not in SINGLE_ISSUE
    else:
        conflict = course["status"] == "active" and end_has_passed(end, today)
    if conflict:
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


def judge_use(course: MedicationCourse) -> None:
    """Say whether the drug of a course may be looked up: its parts have their marks by now."""
    parts: list[MedicationCourse | MedicationPlan | MedicationIssue] = [course]
    if "plan" in course:
        parts += [course["plan"], *course["plan"]["issues"]]
    if "issue_without_plan" in course:
        parts.append(course["issue_without_plan"])
    usable = course["medication"]["coding_quality"] == "coded"
    for part in parts:
        usable &= _NOT_TO_BE_USED.isdisjoint(part["issue_codes"])
    course["usable_for_decision_support"] = usable


def _dosages_differ(course: MedicationCourse, plan: MedicationPlan) -> bool:
    own = [each["text"] for each in course["dosage"] if "text" in each]
    planned = plan["dosage"].get("text") if "dosage" in plan else None
    if not own or planned is None or own == [planned]:
        return False
    return without_change_warning(planned) != "\n".join(map(without_change_warning, own))


def mark(reading: Reading, part: MedicationCourse | MedicationPlan | MedicationIssue, code: str) -> None:
    """Note an issue of a part, with it and in the record."""
    part["issue_codes"].append(code)
    reading.report(code, part["provenance"]["source_ref"])
