"""Medications by whether they run on the day of retrieval: current, not known, not begun, ended."""

from collections.abc import Iterator
from typing import Any

from bridge.areas.medications.events import MedicationsPublished
from bridge.areas.medications.model import (
    CourseStateName,
    Dosage,
    MedicationCourse,
    MedicationIssue,
    MedicationPlan,
    Repeat,
)
from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, labels, marks, notes, origin, reasons
from bridge.areas.record_page.words import (
    COURSE_REASONS,
    COURSE_STATES,
    PRESCRIBERS,
    PRESCRIPTIONS,
    amount,
    concept,
    party,
    quality,
    stop,
    told,
)
from bridge.mapping.page import Fact, Html, element, facts, flat, joined, lines, notice, table, text, when

_TITLES: dict[CourseStateName, str] = {
    "current": "Current medications",
    "unknown": "Medications of which it is not known whether they are current",
    "planned": "Medications that have not begun",
    "ended": "Ended medications: not current",
}
NO_ISSUES_ASKED = "Issues were not asked for: that none is shown says nothing."
_NO_PLAN = "No plan was sent."
_LONE_ISSUE = "An issue whose plan was not sent"
_ISSUES = ["Issued on", "Supply ends", "State", "Amount", "Drug and dosage", "Warnings", "Notes and source"]


def medications(data: MedicationsPublished) -> Html:
    """Everything that one event says about medications."""
    problems = by_ref(data["linked_problems"])
    parts = [completeness(data["area"])]
    if not data["issues_included"]:
        parts.append(notice(NO_ISSUES_ASKED, alert=True))
    for state, title in _TITLES.items():
        courses = [item for item in data["items"] if item["course_state"]["state"] == state]
        if courses or state in ("current", "ended"):
            shown = joined(_course(item, problems) for item in courses) if courses else None
            parts.append(group(title, shown, style=state))
    return joined(parts)


def course_lines(item: MedicationCourse, problems: LinkedProblems) -> list[str]:
    """What is said of a course, in lines of text: its drug and state first; an issue in one line.

    Of plan and issues without where they are from, and of issues without numbers: the course says the first.
    """
    plan = item.get("plan")
    said = [f"{concept(item['medication'])} ({COURSE_STATES[item['course_state']['state']]})"]
    said += flat(_about(item, problems))
    said += flat(_about_plan(plan, problems)) if plan else [_NO_PLAN]
    if "issue_without_plan" in item:
        said.append(f"{_LONE_ISSUE}: {_issue_line(item['issue_without_plan'])}")
    if plan:
        said += [f"Issue: {_issue_line(issue)}" for issue in plan["issues"]]
        if not plan["issues"]:
            said.append(_no_issue(plan))
    return said


def _course(item: MedicationCourse, problems: LinkedProblems) -> Html:
    state = item["course_state"]
    # The state stands beside each name: nobody has to remember under which heading they are.
    heading = element(
        "h5",
        element("bdi", text(concept(item["medication"]))),
        text(f" ({COURSE_STATES[state['state']]})"),
    )
    plan = item.get("plan")
    parts = [
        heading,
        facts(_about(item, problems)),
        _plan(plan, problems) if plan else notice(_NO_PLAN, alert=True),
    ]
    if "issue_without_plan" in item:
        parts.append(_issues(_LONE_ISSUE, [item["issue_without_plan"]], problems))
    return element("article", *parts, class_=f"item {state['state']}")


def _about(item: MedicationCourse, problems: LinkedProblems) -> list[Fact]:
    state = item["course_state"]
    ends = when(state.get("until"))
    return [
        ("Why", f"{COURSE_REASONS[state['why']]}{f'; until {ends}' if ends else ''}"),
        ("Warnings", list(_warnings(item))),
        ("Dosage", _dosages(item["dosage"])),
        ("Dosage changed on", when(item.get("dosage_changed_on"))),
        ("Reason", reasons(item["provenance"], problems)),
        ("Started", when(item.get("effective_from"))),
        ("Ends or ended", when(item.get("effective_to"))),
        ("Last issued, as stated", when(item.get("last_issued"))),
        ("Newest issue seen here", when(item.get("last_issue_seen"))),
        ("Prescribed by", item.get("prescribed_by_text") or PRESCRIBERS[item["prescribed_by"]]),
        ("State as sent", item.get("source_status") or item["status"]),
        ("Asserted", when(item.get("asserted_at"))),
        ("Notes", notes(item["notes"])),
        ("Origin", origin(item["provenance"])),
    ]


def _warnings(item: MedicationCourse) -> Iterator[str]:
    yield from quality(item["medication"])
    if not item["usable_for_decision_support"]:
        yield "Not to be used for automatic checks."
    yield from marks(item)


def _plan(plan: MedicationPlan, problems: LinkedProblems) -> Html:
    about = facts([*_about_plan(plan, problems), ("Origin of the plan", origin(plan["provenance"]))])
    if plan["issues"]:
        return joined([about, _issues("Issues, newest first", plan["issues"], problems)])
    return joined([about, element("p", text(_no_issue(plan)))])


def _no_issue(plan: MedicationPlan) -> str:
    return "No issue of this plan was sent." if plan["issues_included"] else NO_ISSUES_ASKED


def _about_plan(plan: MedicationPlan, problems: LinkedProblems) -> list[Fact]:
    return [
        ("Prescription", plan.get("prescription_type_text") or PRESCRIPTIONS[plan["prescription_type"]]),
        ("Plan names another drug", _concept(plan)),
        ("Warnings of the plan", [*told(plan["issue_codes"]), *labels(plan["provenance"])]),
        ("Stopped", stop(plan.get("stopped"))),
        ("Reason for the plan", reasons(plan["provenance"], problems)),
        ("Dosage of the plan", _dosage(plan["dosage"]) if "dosage" in plan else None),
        ("Quantity", amount(plan.get("quantity"))),
        ("Supply lasts", amount(plan.get("supply_duration"))),
        ("Repeats", list(_repeat(plan.get("repeat", {})))),
        ("Valid from", when(plan.get("valid_from"))),
        ("Valid to", when(plan.get("valid_to"))),
        ("Authorised", when(plan.get("authored_at"))),
        ("State of the plan as sent", plan.get("source_status") or plan["status"]),
        ("Follows the plan", plan.get("prior_plan_id")),
        ("Taken from the course", ", ".join(plan["inherited"])),
        ("Notes of the plan", notes(plan["notes"])),
    ]


def _issues(caption: str, issues: list[MedicationIssue], problems: LinkedProblems) -> Html:
    return table(caption, _ISSUES, (_issue(issue, problems) for issue in issues), row="issue")


def _issue(issue: MedicationIssue, problems: LinkedProblems) -> list[Html]:
    numbers = [
        ("Dispenser", party(issue.get("dispenser"))),
        ("EPS prescription", issue.get("eps_prescription_id")),
        ("EPS item", issue.get("eps_item_id")),
        ("Authorised", when(issue.get("authored_at"))),
        ("Taken from the plan", ", ".join(issue["inherited"])),
    ]
    beside = [
        *notes(issue["notes"]),
        *(f"{name}: {value}" for name, value in numbers if value),
        *(f"Reason: {reason}" for reason in reasons(issue["provenance"], problems)),
        *origin(issue["provenance"]),
    ]
    return [
        lines([when(issue.get("issue_date")) or "day not sent"]),
        lines([when(issue.get("supply_ends")) or "not sent"]),
        lines([issue.get("source_status") or issue["status"]]),
        lines(_amounts(issue)),
        lines(_differences(issue)),
        lines([*told(issue["issue_codes"]), *labels(issue["provenance"])]),
        lines(beside),
    ]


def _issue_line(issue: MedicationIssue) -> str:
    ends = when(issue.get("supply_ends"))
    return "; ".join(
        [
            when(issue.get("issue_date")) or "day not sent",
            *([f"supply ends {ends}"] if ends else ()),
            issue.get("source_status") or issue["status"],
            *_amounts(issue),
            *_differences(issue),
            *told(issue["issue_codes"]),
            *labels(issue["provenance"]),
            *notes(issue["notes"]),
        ]
    )


def _amounts(issue: MedicationIssue) -> list[str]:
    return [each for each in (amount(issue.get("quantity")), amount(issue.get("supply_duration"))) if each]


def _differences(issue: MedicationIssue) -> list[str]:
    said = [f"Names another drug: {other}" for other in [_concept(issue)] if other]
    if "dosage" in issue:
        said += [f"Dosage: {line}" for line in _dosage(issue["dosage"])]
    return said


def _concept(part: MedicationPlan | MedicationIssue) -> str | None:
    return concept(part["medication"]) if "medication" in part else None


def _repeat(repeat: Repeat) -> Iterator[str]:
    if "issues_authorised" in repeat:
        yield f"issues authorised in total: {repeat['issues_authorised']}"
    if "issues_made" in repeat:
        yield f"issues made: {repeat['issues_made']}"
    if expires := when(repeat.get("authorisation_expires")):
        yield f"authorisation expires: {expires}"


def _dosages(dosages: list[Dosage]) -> list[str]:
    if not dosages:
        return ["No dosage was sent: how it is taken is not known."]
    return [line for dosage in dosages for line in _dosage(dosage)]


def _dosage(dosage: Dosage) -> list[str]:
    """The words, or in words why there are none; never an empty place."""
    place = f"{dosage['sequence']}. " if "sequence" in dosage else ""
    said = [f"{place}{dosage['text']}"] if "text" in dosage else [f"{place}{_absence(dosage)}"]
    if "patient_instruction" in dosage:
        said.append(f"For the patient: {dosage['patient_instruction']}")
    if "structured" in dosage:
        sent = "; ".join(f"{path}: {value}" for path, value in _leaves(dosage["structured"], ""))
        said.append(f"Sent as data: {sent}")
    return said


def _absence(dosage: Dosage) -> str:
    reason = dosage.get("absent_reason")
    if reason == "masked":
        return "The dosage is withheld (masked): there is one."
    return f"No dosage in words was sent{f' ({reason})' if reason else ''}: how it is taken is not known."


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every single value of a JSON value, and where it stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, str(value)
