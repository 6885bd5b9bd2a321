"""The part of ``bridge demo`` that shows a record of every area: a consultation, and results of it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.table import Table

from bridge.areas.allergies.events import ALLERGIES_PUBLISHED
from bridge.areas.consultations.events import CONSULTATIONS_PUBLISHED
from bridge.areas.consultations.model import Consultation, Heading, Topic
from bridge.areas.events import RECORD_COMPLETED
from bridge.areas.investigations.events import INVESTIGATIONS_PUBLISHED
from bridge.areas.investigations.model import InvestigationReport
from bridge.areas.medications.events import MEDICATIONS_PUBLISHED
from bridge.areas.record_page.events import RecordEvents
from bridge.areas.record_page.names import Names, link, names_of_items
from bridge.areas.record_page.observations import found
from bridge.areas.record_page.words import concept
from bridge.cli.tables import titled
from bridge.mapping.page import when

PATIENT: Final = "whole_record"
"""The scenario of the sandbox that is shown."""


def record_tables(data: Mapping[str, Any]) -> Iterator[Table]:
    """The first consultation and the first report of a record.

    Args:
        data: that of its events, by kind.
    """
    areas = {kind: each for kind, each in data.items() if kind != RECORD_COMPLETED}
    names = names_of_items(
        RecordEvents(
            header=data[RECORD_COMPLETED],
            medications=areas.pop(MEDICATIONS_PUBLISHED),
            allergies=areas.pop(ALLERGIES_PUBLISHED),
            completed=data[RECORD_COMPLETED],
            areas=areas,
        )
    )
    yield from (_consultation(each, names) for each in areas[CONSULTATIONS_PUBLISHED]["items"][:1])
    yield from (_report(each) for each in areas[INVESTIGATIONS_PUBLISHED]["items"][:1])


def _consultation(item: Consultation, names: Names) -> Table:
    title = f"{concept(item['encounter_type'])}, {when(item.get('started')) or 'date not sent'}"
    table = titled(f"{PATIENT}: one consultation, {title}", ("part", "what was recorded, in its order"))
    for topic in item["topics"]:
        for part in (topic, *topic["headings"]):
            for entry in _entries(part, names):
                table.add_row(part.get("title", ""), entry)
    return table


def _entries(part: Topic | Heading, names: Names) -> Iterator[str]:
    written = {each["source_ref"]: each["text"] for each in part["narrative"]}
    yield from (f"About {link(each, names)}" for each in part["problems"])
    yield from (written.get(each.get("source_ref", "")) or link(each, names) for each in part["items"])


def _report(item: InvestigationReport) -> Table:
    title = f"{item['title']}, {when(item.get('issued')) or 'date not sent'}"
    table = titled(f"{PATIENT}: one investigation, {title}", ("group", "result", "value"))
    for group in item["groups"]:
        for result in group["results"]:
            table.add_row(concept(group["code"]), concept(result["code"]), "; ".join(found(result)))
    for result in item["results"]:
        table.add_row("", concept(result["code"]), "; ".join(found(result)))
    return table
