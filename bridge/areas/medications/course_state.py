"""Whether a medication runs on the day of retrieval, by rules that are the same for every supplier.

`completed` means issued at one supplier and over at another, so it ends nothing by itself: the dates do.
"""

from datetime import date
from typing import Final

from bridge.areas.medications.model import (
    CourseState,
    CourseStateName,
    CourseStateReason,
    MedicationCourse,
    PrescriptionType,
)
from bridge.record.common import PartialDate
from bridge.record.dates import days

SINGLE_ISSUE: Final[frozenset[PrescriptionType]] = frozenset({"acute", "acute_handwritten", "delayed"})
"""Without an end these last one day (digest §3.9). An unknown type is dated as a repeat (CS-081)."""
UNDECIDED: Final[CourseState] = {"state": "unknown", "why": "state_unknown"}


def course_state(course: MedicationCourse, today: date | None) -> CourseState:
    """Whether `course` runs on `today`, the day of retrieval in the UK."""
    state, why, until = _decide(course, today)
    result: CourseState = {"state": state, "why": why}
    if until is not None:
        result["until"] = until
    return result


def is_completed_but_running(course: MedicationCourse) -> bool:
    """Whether it is marked completed and yet runs, by its dates."""
    return course["course_state"]["state"] == "current" and "completed" in _states(course)


def stated_end(course: MedicationCourse) -> PartialDate | None:
    """The end that was sent; a day that stands for "none known" is no end."""
    end = course.get("effective_to")
    return None if end is None or end["precision"] == "placeholder" else end


def end_has_passed(end: PartialDate, today: date | None) -> bool:
    """Whether the last day that `end` can mean is over; an end that is not known has not passed."""
    found = days(end)
    return found is not None and today is not None and found[1] < today


_Decision = tuple[CourseStateName, CourseStateReason, PartialDate | None]


def _decide(course: MedicationCourse, today: date | None) -> _Decision:
    states, start, end = _states(course), course.get("effective_from"), stated_end(course)
    if "stopped" in states:
        # Stopped and active at once: whoever reads it has to ask.
        if "active" in states:
            return "unknown", "states_differ", end
        return (
            "ended",
            "stopped",
            course["plan"].get("stopped", {}).get("on", end) if "plan" in course else end,
        )
    if "unknown" in states or today is None:
        return "unknown", "state_unknown", end
    if start is not None and (first := days(start)) is not None and first[0] > today:
        return "planned", "starts_later", end
    if end is None and "active" not in states and _lasts_a_day(course):
        end = start
    return _by_end(end, today, active="active" in states)


def _by_end(end: PartialDate | None, today: date, *, active: bool) -> _Decision:
    if end is None:
        return ("current", "active", None) if active else ("unknown", "completed_without_end", None)
    if days(end) is None:
        return "unknown", "date_unreadable", end
    if not end_has_passed(end, today):
        return "current", "end_ahead", end
    return ("unknown", "active_past_end", end) if active else ("ended", "end_passed", end)


def _states(course: MedicationCourse) -> set[str]:
    return {course["status"], course["plan"]["status"]} if "plan" in course else {course["status"]}


def _lasts_a_day(course: MedicationCourse) -> bool:
    return "plan" in course and course["plan"]["prescription_type"] in SINGLE_ISSUE
