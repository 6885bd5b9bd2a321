"""Medications and medical devices, as one area (digest §3)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.medications.events import (
    MEDICATIONS_PUBLISHED,
    MedicationsChanged,
    MedicationsPublished,
    medications_published,
)
from bridge.areas.medications.mapping import map_medications
from bridge.areas.medications.model import MedicationCourse
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.medications.query import ISSUES, PARAMETER, SEARCH_FROM, query
from bridge.areas.spec import AreaAnswer, AreaSpec, ListOfArea
from bridge.record import Area, CodedText, Identified


def _parts_of(course: MedicationCourse) -> Iterator[Identified]:
    """A course, and what of it came as a MedicationRequest."""
    yield course
    if "issue_without_plan" in course:
        yield course["issue_without_plan"]
    if "plan" in course:
        yield course["plan"]
        yield from course["plan"]["issues"]


def _pieces_of(course: MedicationCourse) -> Iterator[object]:
    """A course without its plan, the plan without its issues, and each issue."""
    yield {name: value for name, value in course.items() if name != "plan"}
    if "plan" in course:
        yield {name: value for name, value in course["plan"].items() if name != "issues"}
        yield from course["plan"]["issues"]


def _named_elsewhere(course: MedicationCourse) -> CodedText:
    """The drug: it stands in a Medication."""
    return course["medication"]


def _remark(answer: AreaAnswer[MedicationOptions], area: Area) -> None:
    """Since when medications were searched for (CS-079), or that the practice cannot do so."""
    if answer.options is None or (day := answer.options.search_from) is None:
        return
    if SEARCH_FROM not in answer.refused:
        area["search_from"] = day.isoformat()
        return
    # More was sent than asked for, so the area may be complete; a reader that filters has to know.
    area["warnings"].append({"code": "search-date-ignored", "text": answer.refused[SEARCH_FROM]})
    answer.reading.report("search_date_ignored", path=area["area"])


def _is_over(course: MedicationCourse) -> bool:
    """Said to be, and by its dates: `completed` alone means issued in one GP system, and over in another."""
    return course["status"] in ("completed", "stopped") and course["course_state"]["state"] == "ended"


MEDICATIONS: Final = AreaSpec(
    name="medications",
    parameter=PARAMETER,
    lists=(ListOfArea(name="medications", code="933361000000108", bare_ids="MedicationStatement"),),
    kinds={"MedicationStatement": None, "MedicationRequest": None},
    uses=frozenset({"Medication"}),
    refers_to={"medicationReference": "Medication", "basedOn": "MedicationRequest"},
    options=MedicationOptions,
    query=query,
    parts=(ISSUES, SEARCH_FROM),
    fields={ISSUES: "include_issues", SEARCH_FROM: "search_from"},
    practice_defaults={"include_issues": True},
    read=map_medications,
    parts_of=_parts_of,
    pieces_of=_pieces_of,
    named_elsewhere=_named_elsewhere,
    remark=_remark,
    kind=MEDICATIONS_PUBLISHED,
    data=MedicationsPublished,
    changed=MedicationsChanged,
    marks_unlisted=False,
    always_read=True,
    publish=medications_published,
    is_over=_is_over,
)
