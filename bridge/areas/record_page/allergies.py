"""Allergies: the statement, active items, and ended ones that nobody takes for active (CS-084 to CS-086)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.allergies.events import AllergiesPublished
from bridge.areas.allergies.model import Allergy, Reaction
from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, marks, notes, origin, reasons
from bridge.areas.record_page.words import KINDS, amount, concept, quality, statement, stop
from bridge.mapping.page import Html, element, joined, lines, notice, table, text, when

BLOCK: Final = (
    "Prescribing must be prevented: a drug allergy without a usable code is recorded, "
    "and no automatic check can see it until it is coded again."
)
"""Of a record with `requires_prescribing_block`."""
_ITEM_BLOCK = "Prescribing must be prevented until this is coded again."
_GROUPS = {
    "active": ("Active allergies and intolerances", "active"),
    "unknown": ("Allergies whose state is not known: treat as active", "state not known"),
    "statement": ("Statements that no allergy is known", "a statement, not an allergy"),
    "ended": ("Ended allergies: not active", "ended"),
}
_HEADINGS = ["Allergy or intolerance", "Reactions", "When", "Warnings", "Notes and source"]


def allergies(data: AllergiesPublished) -> Html:
    """Everything that one event says about allergies."""
    items, problems = data["items"], by_ref(data["linked_problems"])
    sorted_items = {name: [item for item in items if _group(item) == name] for name in _GROUPS}
    said = data["allergy_statement"]
    if said in ("no_known_allergies", "nothing_recorded") and (
        sorted_items["active"] or sorted_items["unknown"]
    ):
        # An event that denies its own items: the more cautious reading.
        said = "contradictory"
    words = statement(said, data["no_known_allergy_kinds"])
    parts = [notice(words, alert=said != "no_known_allergies")]
    if data["requires_prescribing_block"] or any(item["requires_prescribing_block"] for item in items):
        parts.append(notice(BLOCK, alert=True))
    parts.append(completeness(data["area"]))
    for name, (title, state) in _GROUPS.items():
        if name == "ended":
            parts.append(completeness(data["ended_area"]))
        rows = [_row(item, state, problems) for item in sorted_items[name]]
        if rows or name in ("active", "ended"):
            shown = table(title, _HEADINGS, rows, row="item") if rows else None
            parts.append(group(title, shown, style=name))
    return joined(parts)


def _group(item: Allergy) -> str:
    """Ended first: neither an ended allergy nor an ended statement holds any more."""
    if item["clinical_status"] == "resolved":
        return "ended"
    if item["statement"] == "no_known_allergy":
        return "statement"
    return item["clinical_status"]


def _row(item: Allergy, state: str, problems: LinkedProblems) -> list[Html]:
    # The state stands beside each name: nobody has to remember under which heading they are.
    name = element("p", element("bdi", text(concept(item["substance"]))), text(f" ({state})"), class_="term")
    return [
        joined([name, lines(_about(item))]),
        lines([line for reaction in item["reactions"] for line in _reaction(reaction)] or ["none sent"]),
        lines(_dates(item) or ["no date sent"]),
        lines(_warnings(item)),
        lines(
            [
                *notes(item["notes"]),
                *(f"Reason: {reason}" for reason in reasons(item["provenance"], problems)),
                *origin(item["provenance"]),
            ]
        ),
    ]


def allergy_lines(item: Allergy, problems: LinkedProblems) -> list[str]:
    """Everything that is said of an allergy, in lines of text: its name and state first."""
    _, state = _GROUPS[_group(item)]
    return [
        f"{concept(item['substance'])} ({state})",
        *_about(item),
        *(line for reaction in item["reactions"] for line in _reaction(reaction)),
        *_dates(item),
        *_warnings(item),
        *notes(item["notes"]),
        *(f"Reason: {reason}" for reason in reasons(item["provenance"], problems)),
        *origin(item["provenance"]),
    ]


def _about(item: Allergy) -> Iterator[str]:
    if item["statement"] == "no_known_allergy":
        kinds = ", ".join(KINDS[kind] for kind in item.get("no_known_kinds", []))
        yield f"States that no allergy is known{f': of {kinds} alone' if kinds else ''}."
    else:
        yield f"Category: {'not known' if item['category'] == 'unknown' else item['category']}"
    if "reaction_type" in item:
        yield f"Type: {item['reaction_type']}"
    if "criticality" in item:
        yield f"Criticality: {item['criticality'].replace('_', ' ')}"
    if "source_status" in item:
        yield f"State as sent: {item['source_status']}"


def _reaction(reaction: Reaction) -> Iterator[str]:
    for manifestation in reaction["manifestations"]:
        if manifestation["coding_quality"] == "null_flavour":
            yield f"No reaction was recorded ({manifestation['term']})."
        else:
            yield concept(manifestation)
    if "description" in reaction:
        yield reaction["description"]
    if "severity" in reaction:
        yield f"Severity: {reaction['severity']}"
    if "exposure_route" in reaction:
        yield f"Exposure: {concept(reaction['exposure_route'])}"


def _dates(item: Allergy) -> list[str]:
    said = [
        ("Ended", stop(item.get("ended"))),
        ("Onset", when(item.get("onset"))),
        ("Onset", item.get("onset_text")),
        ("Age at onset", amount(item.get("onset_age"))),
        ("Asserted", when(item.get("asserted_at"))),
        ("Last occurrence", when(item.get("last_occurrence"))),
    ]
    return [f"{name}: {value}" for name, value in said if value]


def _warnings(item: Allergy) -> Iterator[str]:
    if item["requires_prescribing_block"]:
        yield _ITEM_BLOCK
    yield from quality(item["substance"])
    if item["statement"] == "propensity" and not item["usable_for_decision_support"]:
        yield "Not to be used for automatic checks."
    yield from marks(item)
