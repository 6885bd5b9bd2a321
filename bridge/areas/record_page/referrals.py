"""Referrals: that somebody was referred, or meant to be, and never who is involved now (CS-104, CS-105)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.names import Names, link
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, marks, notes, origin, reasons
from bridge.areas.record_page.words import as_sent, concept, party, quality
from bridge.areas.referrals.events import ReferralsPublished
from bridge.areas.referrals.model import Referral, ReferralPriority
from bridge.mapping.page import Html, element, joined, lines, notice, table, text, when

_ONLY_THAT: Final = (
    "A referral says that the practice referred the patient, or meant to, and not that anybody accepted it.",
    "Neither does it say what came of it, or who is involved in the care now.",
    "Its code may be a reason, a service, or something that is no referral; what its date means varies.",
)
_TITLE: Final = "Referrals that were recorded"
_HEADINGS: Final = ["Recorded as", "Addressed to", "When", "Warnings", "Notes and source"]
_PRIORITIES: Final[dict[ReferralPriority, str]] = {
    "routine": "routine",
    "urgent": "urgent",
    "two_week_wait": "two week wait",
    "unknown": "not known",
}
_NO_PRIORITY: Final = "none was sent, which does not mean routine"


def referrals(data: ReferralsPublished, names: Names) -> Html:
    """Everything that one event says about referrals."""
    problems = by_ref(data["linked_problems"])
    rows = [_row(item, names, problems) for item in data["items"]]
    shown = table(_TITLE, _HEADINGS, rows, row="item") if rows else None
    return joined([notice(*_ONLY_THAT, alert=True), completeness(data["area"]), group(_TITLE, shown)])


def _row(item: Referral, names: Names, problems: LinkedProblems) -> list[Html]:
    terms = [concept(each) for each in item["reasons"]] or ["No code was sent"]
    coded = joined(element("p", element("bdi", text(each)), class_="term") for each in terms)
    return [
        joined([coded, lines(_about(item))]),
        lines([said for each in item["recipients"] if (said := party(each))] or ["Nobody is named."]),
        lines([f"Date: {when(item['referred_at'])}" if "referred_at" in item else "no date sent"]),
        lines(_warnings(item)),
        lines(
            [
                *notes(item["notes"]),
                *([f"Requested by: {by}"] if (by := party(item.get("requester"))) else []),
                *([link(item["consultation"], names)] if "consultation" in item else []),
                *(link(each, names) for each in item["documents"]),
                *(f"Follows from: {link(each, names)}" for each in item.get("earlier_referrals", [])),
                *(f"Problem: {reason}" for reason in reasons(item["provenance"], problems)),
                *origin(item["provenance"]),
            ]
        ),
    ]


def _about(item: Referral) -> Iterator[str]:
    if "description" in item:
        yield item["description"]
    yield from (f"Service or specialty: {concept(each)}" for each in item["services"])
    priority = _PRIORITIES[item["priority"]] if "priority" in item else _NO_PRIORITY
    yield f"Priority: {priority}{as_sent(item.get('source_priority'))}"
    if "ubrn" in item:
        yield f"Booking reference (UBRN): {item['ubrn']}"


def _warnings(item: Referral) -> Iterator[str]:
    for each in item["reasons"]:
        yield from quality(each)
    yield from marks(item)
