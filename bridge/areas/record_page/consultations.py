"""Consultations: who, when and where, and everything in the order it was written (CS-093, CS-095)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.consultations.events import ConsultationsPublished
from bridge.areas.consultations.model import (
    Consultation,
    ConsultationStatus,
    Heading,
    Narrative,
    ParticipantRole,
    Topic,
)
from bridge.areas.record_page.areas import completeness
from bridge.areas.record_page.names import Names, link
from bridge.areas.record_page.provenance import (
    LinkedProblems,
    by_ref,
    marks,
    origin,
    reasons,
    secrecy,
)
from bridge.areas.record_page.words import amount, as_sent, concept, party, quality
from bridge.mapping.page import Html, element, facts, joined, lines, notice, text, when

_NOT_ALL: Final = (
    "Consultations are not the whole record: what was recorded outside of them stands in its area alone."
)
_DRAFT: Final = "Draft: not finished by whoever wrote it."
_STATUSES: Final[dict[ConsultationStatus, str]] = {
    "finished": "finished",
    "draft": "draft",
    "unknown": "not known",
}
_ROLES: Final[dict[ParticipantRole, str]] = {
    "recorder": "Recorded by",
    "primary_performer": "Held by",
    "participant": "With",
    "author": "Written by",
    "unknown": "Took part",
}
_NO_CONTENT: Final = "No content was sent."


def consultations(data: ConsultationsPublished, names: Names) -> Html:
    """Everything that one event says about consultations."""
    problems = by_ref(data["linked_problems"])
    shown = [_consultation(item, names, problems) for item in data["items"]]
    return joined([notice(_NOT_ALL, alert=False), completeness(data["area"]), *shown])


def _consultation(item: Consultation, names: Names, problems: LinkedProblems) -> Html:
    began = when(item.get("started")) or "date not sent"
    draft = " (draft)" if item["status"] == "draft" else ""
    warnings = list(_warnings(item))
    return element(
        "div",
        element("h4", text(f"{began}: {concept(item['encounter_type'])}{draft}")),
        *([notice(*warnings, alert=True)] if warnings else []),
        facts(_facts(item, names, problems)),
        *([_topic(each, names) for each in item["topics"]] or [lines([_NO_CONTENT])]),
        class_="item",
    )


def _facts(
    item: Consultation, names: Names, problems: LinkedProblems
) -> list[tuple[str, str | list[str] | None]]:
    length = [f"{item['length_minutes']:g} minutes"] if "length_minutes" in item else []
    return [
        ("Called", item.get("title")),
        ("Also", [concept(each) for each in item.get("further_types", [])]),
        ("State", f"{_STATUSES[item['status']]}{as_sent(item.get('source_status'))}"),
        ("Ended", when(item.get("ended"))),
        ("Length", [*length, *([sent] if (sent := amount(item.get("length"))) else [])]),
        *(
            (_ROLES[each["role"]], f"{party(each['party'])}{as_sent(each.get('role_as_sent'))}")
            for each in item["participants"]
        ),
        ("Place", [said for each in item["location"] if (said := party(each))]),
        ("For", party(item.get("service_provider"))),
        ("Last changed", when(item.get("edited_at"))),
        ("About", [link(each, names) for each in item.get("problems", [])]),
        ("Reason", reasons(item["provenance"], problems)),
        ("Origin", origin(item["provenance"])),
    ]


def _warnings(item: Consultation) -> Iterator[str]:
    if item["status"] == "draft":
        yield _DRAFT
    yield from quality(item["encounter_type"])
    yield from marks(item)


def _topic(topic: Topic, names: Names) -> Html:
    title = element("h5", text(topic.get("title", "Topic without a title")))
    headings = [
        joined([element("h6", text(each.get("title", "Without a heading"))), _entries(each, names)])
        for each in topic["headings"]
    ]
    return joined([title, _entries(topic, names), *headings])


def _entries(section: Topic | Heading, names: Names) -> Html:
    """What a topic or a heading names, in its order, with the words that were written in their place."""
    written = {each["source_ref"]: each for each in section["narrative"]}
    entries = [lines([f"About {link(each, names)}"]) for each in section["problems"]]
    for each in section["items"]:
        words = written.pop(each.get("source_ref", ""), None)
        entries.append(lines([link(each, names)]) if words is None else _words(words, names))
    return joined([*entries, *(_words(each, names) for each in written.values())])


def _words(words: Narrative, names: Names) -> Html:
    who = "; ".join(said for each in words["performers"] if (said := party(each)))
    dates = [("recorded", when(words.get("recorded_at"))), ("of", when(words.get("effective")))]
    by = ", ".join([*([who] if who else []), *(f"{name} {day}" for name, day in dates if day)])
    beside = [
        *([f"State: {words['source_status']}. It may not hold."] if "source_status" in words else []),
        *(f"On {link(each, names)}" for each in words.get("about", [])),
        *secrecy(words["security_labels"]),
        *([by] if by else []),
    ]
    return joined([element("blockquote", lines([words["text"]])), lines(beside)])
