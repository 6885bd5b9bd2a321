"""Diary entries: planned and not complete, which stands beside each of them (CS-107 to CS-111)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.diary_entries.events import DiaryEntriesPublished
from bridge.areas.diary_entries.model import DiaryEntry
from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.names import Names, link
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, marks, notes, origin, reasons
from bridge.areas.record_page.words import FORBIDDEN, concept, party, quality
from bridge.mapping.page import Html, element, joined, lines, notice, table, text, when

_TITLE: Final = "Planned actions that are not complete"
_STATE: Final = "planned, not done"
_HEADINGS: Final = ["Planned action", "Due", "Planned on", "Warnings", "Notes and source"]


def diary_entries(data: DiaryEntriesPublished, names: Names) -> Html:
    """Everything that one event says about diary entries."""
    problems = by_ref(data["linked_problems"])
    rows = [_row(item, names, problems) for item in data["items"]]
    shown = table(_TITLE, _HEADINGS, rows, row="item") if rows else None
    return joined([notice(data["advice"], alert=True), completeness(data["area"]), group(_TITLE, shown)])


def _row(item: DiaryEntry, names: Names, problems: LinkedProblems) -> list[Html]:
    # Its meaning stands beside each code, which may be one of something that was done.
    state = f"{FORBIDDEN}; {_STATE}" if "do_not_perform" in item else _STATE
    name = element("p", element("bdi", text(concept(item["code"]))), text(f" ({state})"), class_="term")
    return [
        joined([name, lines(f"Reason: {concept(each)}" for each in item["reasons"])]),
        lines(_due(item)),
        lines(_planned(item, names)),
        lines(_warnings(item)),
        lines(
            [
                *notes(item["notes"]),
                *(link(each, names) for each in item["documents"]),
                *(f"Problem: {reason}" for reason in reasons(item["provenance"], problems)),
                *origin(item["provenance"]),
            ]
        ),
    ]


def _due(item: DiaryEntry) -> Iterator[str]:
    due = item.get("due", {})
    first, last = when(due.get("from")), when(due.get("to"))
    if first and last:
        yield f"{first} to {last}"
    elif first:
        yield f"{first} (the earliest day, the latest or about the day: which is not known)"
    else:
        yield f"until {last}" if last else "not said when"


def _planned(item: DiaryEntry, names: Names) -> Iterator[str]:
    if "originated_at" in item:
        yield when(item["originated_at"]) or ""
    if "entered_at" in item:
        yield f"Entered: {when(item['entered_at'])}"
    if "requester" in item:
        yield f"By: {party(item['requester'])}"
    if "consultation" in item:
        yield link(item["consultation"], names)


def _warnings(item: DiaryEntry) -> Iterator[str]:
    if "source_status" in item:
        yield f"State as sent: {item['source_status']}; it is shown as not done all the same."
    yield from quality(item["code"])
    yield from marks(item)
