"""Problems by their status: a header each, with what it was made of and what belongs to it.

A status or a significance that was not sent, or that is not known, is shown as that and never as a safe one.
"""

from collections.abc import Iterator
from typing import Final

from bridge.areas.problems.events import ProblemsPublished
from bridge.areas.problems.header import ClinicalStatus, Significance
from bridge.areas.problems.model import Problem, ProblemRelation
from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.names import Names, link
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, marks, notes, origin, reasons
from bridge.areas.record_page.words import amount, as_sent, concept, party, quality
from bridge.mapping.page import Html, element, joined, lines, notice, table, text, when
from bridge.record import PartialDate, Quantity

_HEADERS: Final = (
    "A problem is a header over entries of the record, no diagnosis by itself: read it with the entry that "
    "was made one. What is linked to it need not be all that belongs to it."
)
_TITLES: Final[dict[ClinicalStatus, str]] = {
    "active": "Active problems",
    "unknown": "Problems of which it is not known whether they are active",
    "inactive": "Inactive problems",
}
_STATUSES: Final[dict[ClinicalStatus, str]] = {
    "active": "active",
    "unknown": "not known whether active",
    "inactive": "inactive",
}
_SIGNIFICANCES: Final[dict[Significance, str]] = {
    "major": "major",
    "minor": "minor",
    "unknown": "significance not known",
}
_RELATIONS: Final[dict[ProblemRelation, str]] = {
    "parent": "Its parent",
    "child": "Its child",
    "sibling": "Beside it",
    "unknown": "Related, not known how",
}
_HEADINGS: Final = ["Problem", "When", "What belongs to it", "Warnings", "Notes and source"]


def problems(data: ProblemsPublished, names: Names) -> Html:
    """Everything that one event says about problems."""
    linked = by_ref(data["linked_problems"])
    parts = [notice(_HEADERS, alert=False), completeness(data["area"])]
    for status, title in _TITLES.items():
        rows = [_row(item, names, linked) for item in data["items"] if item["clinical_status"] == status]
        if rows or status == "active":
            shown = table(title, _HEADINGS, rows, row="item") if rows else None
            parts.append(group(title, shown, style=status))
    return joined(parts)


def _row(item: Problem, names: Names, linked: LinkedProblems) -> list[Html]:
    # What it is held for stands beside each name: nobody has to remember under which heading they are.
    held = [_STATUSES[item["clinical_status"]], _SIGNIFICANCES[item["significance"]]]
    if "verification_status" in item:
        held.append(f"verification: {item['verification_status']}")
    name = element(
        "p", element("bdi", text(concept(item["condition"]))), text(f" ({', '.join(held)})"), class_="term"
    )
    made_of = [f"Made a problem: {link(item['actual_problem'], names)}"] if "actual_problem" in item else []
    return [
        joined([name, lines(made_of)]),
        lines(_dates(item)),
        lines(list(_content(item, names)) or ["nothing was linked to it"]),
        lines(_warnings(item)),
        lines(
            [
                *notes(item["notes"]),
                *([f"Held for one by: {by}"] if (by := party(item.get("asserter"))) else []),
                *(f"Problem: {reason}" for reason in reasons(item["provenance"], linked)),
                *origin(item["provenance"]),
            ]
        ),
    ]


def _dates(item: Problem) -> Iterator[str]:
    began = list(_point(item.get("onset"), item.get("onset_text"), item.get("onset_age")))
    yield from (f"Began: {each}" for each in began or ["not sent"])
    ended = _point(item.get("abated"), item.get("abated_text"), item.get("abated_age"))
    yield from (f"Ended: {each}" for each in ended)
    if "asserted_at" in item:
        yield f"Asserted or recorded: {when(item['asserted_at'])}"


def _point(day: PartialDate | None, words: str | None, age: Quantity | None) -> Iterator[str]:
    """When something was, in each of the ways in which it was sent."""
    if said := when(day):
        yield said
    if words:
        yield words
    if years := amount(age):
        yield f"at the age of {years}"


def _content(item: Problem, names: Names) -> Iterator[str]:
    yield from (link(each, names) for each in item["related_content"])
    for each in item["related_problems"]:
        relation = f"{_RELATIONS[each['relation']]}{as_sent(each.get('relation_as_sent'))}"
        yield f"{relation}: {link(each['target'], names)}"


def _warnings(item: Problem) -> Iterator[str]:
    if "source_status" in item:
        yield f"State as sent: {item['source_status']}"
    if "source_significance" in item:
        yield f"Significance as sent: {item['source_significance']}"
    yield from quality(item["condition"])
    yield from marks(item)
