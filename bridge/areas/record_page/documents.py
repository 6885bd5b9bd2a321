"""Documents: what is known about each, and why one may not be had (DO-016, DO-024, DO-025)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.documents.events import DocumentsPublished
from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.names import Names, link
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, labels, origin, reasons, secrecy
from bridge.areas.record_page.words import CAME_ALONG, NO_PATIENT, concept, party, quality, told
from bridge.mapping.page import Html, element, joined, lines, notice, table, text, when
from bridge.record.documents import Attachment, Document

_NOT_ALL: Final = (
    "These are the documents that something else of the record names, not all documents of the patient."
)
_TITLE: Final = "Documents that the record names"
_HEADINGS: Final = ["Document", "Can it be had", "When and by whom", "Warnings", "Belongs to and source"]
_ORIGINS: Final = {
    "internal": "written by the organisation that keeps it",
    "external": "written by another organisation",
    "unknown": "not known where it was written",
}


def documents(data: DocumentsPublished, names: Names) -> Html:
    """Everything that one event says about documents."""
    problems = by_ref(data["linked_problems"])
    rows = [_row(item, names, problems) for item in data["items"]]
    shown = table(_TITLE, _HEADINGS, rows, row="item") if rows else None
    return joined([notice(_NOT_ALL, alert=False), completeness(data["area"]), group(_TITLE, shown)])


def _row(item: Document, names: Names, problems: LinkedProblems) -> list[Html]:
    title = item.get("description", concept(item["type"]))
    about = [f"Kind: {concept(item['type'])}", f"Origin: {_ORIGINS[item['origin']]}"]
    if "practice_setting" in item:
        about.append(f"Setting: {concept(item['practice_setting'])}")
    belongs = [*([item["consultation"]] if "consultation" in item else []), *item["related"]]
    return [
        joined([element("p", element("bdi", text(title)), class_="term"), lines(about)]),
        lines([line for each in (item, *item.get("other_attachments", ())) for line in _attachment(each)]),
        lines(_made(item)),
        lines(_warnings(item)),
        lines(
            [
                *(link(each, names) for each in belongs),
                *(f"Problem: {reason}" for reason in reasons(item["provenance"], problems)),
                *origin(item["provenance"]),
            ]
        ),
    ]


def _attachment(sent: Attachment) -> Iterator[str]:
    yield "Yes, it may be asked for." if sent["retrievable"] else "It exists and is not available this way."
    if "unavailable_reason" in sent or not sent["retrievable"]:
        yield f"Why: {sent.get('unavailable_reason', 'no reason was sent')}"
    if "title" in sent:
        yield f"Said beside it: {sent['title']}"
    if "size_bytes" in sent:
        yield f"Size: {sent['size_bytes']} bytes" if sent["size_bytes"] else "Size: not known"
    if "content_type" in sent:
        yield f"Type: {sent['content_type']}"
    if "location" in sent:
        yield f"Address as sent, not to be opened: {sent['location']}"


def _made(item: Document) -> Iterator[str]:
    said = [
        ("Written", when(item.get("created_at"))),
        ("Filed", when(item.get("indexed_at"))),
        *(("Author", party(each)) for each in (item.get("author"), *item.get("other_authors", ()))),
        ("Kept by", party(item.get("custodian"))),
        ("Version", item.get("version_identifier", {}).get("value")),
    ]
    yield from (f"{name}: {value}" for name, value in said if value)


def _warnings(item: Document) -> Iterator[str]:
    if item["not_for_patient"]:
        yield NO_PATIENT
    if "source_status" in item:
        yield f"State as sent: {item['source_status']}"
    yield from quality(item["type"])
    if "linked_only" in item:
        yield CAME_ALONG
    yield from told(item["issue_codes"])
    yield from secrecy([each for each in item["document_labels"] if each != "NOPAT"])
    yield from (each for each in labels(item["provenance"]) if each != NO_PATIENT)
