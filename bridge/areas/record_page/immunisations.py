"""Immunisations: those that were given apart from those that were not (CS-096 to CS-098)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.immunisations.events import ImmunisationsPublished
from bridge.areas.immunisations.model import Immunisation, ImmunisationPerformer, Protocol
from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.names import Names
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, marks, notes, origin, reasons
from bridge.areas.record_page.words import amount, concept, party, quality
from bridge.mapping.page import Html, element, joined, lines, notice, table, text, when

_STATUSES: Final = (
    "Consent, dissent and invitations stand among the observations; they may contradict each other."
)
_GROUPS: Final = {
    "given": ("Immunisations that were given", "given"),
    "unknown": ("Immunisations of which it is not known whether they were given", "not known whether given"),
    "not-given": ("Not given: each concerns one day, and does not say never vaccinated", "not given"),
}
_HEADINGS: Final = ["Immunisation", "Dose and product", "When", "Warnings", "Notes and source"]
_ROLES: Final = {"administering": "administering", "entering": "entered it"}


def immunisations(data: ImmunisationsPublished, _: Names) -> Html:
    """Everything that one event says about immunisations."""
    problems = by_ref(data["linked_problems"])
    parts = [notice(_STATUSES, alert=False), completeness(data["area"])]
    for name, (title, state) in _GROUPS.items():
        rows = [_row(item, state, problems) for item in data["items"] if _group(item) == name]
        if rows or name == "given":
            shown = table(title, _HEADINGS, rows, row="item") if rows else None
            parts.append(group(title, shown, style=name))
    return joined(parts)


def _group(item: Immunisation) -> str:
    if "given" not in item:
        return "unknown"
    return "given" if item["given"] else "not-given"


def _row(item: Immunisation, state: str, problems: LinkedProblems) -> list[Html]:
    # The state stands beside each name: nobody has to remember under which heading they are.
    name = element("p", element("bdi", text(concept(item["procedure"]))), text(f" ({state})"), class_="term")
    return [
        joined([name, lines(_about(item))]),
        lines(_product(item)),
        lines(_dates(item) or ["no date sent"]),
        lines(_warnings(item)),
        lines(_beside(item, problems)),
    ]


def immunisation_lines(item: Immunisation, problems: LinkedProblems) -> list[str]:
    """Everything that is said of an immunisation, in lines of text: what, and whether it was given, first."""
    _, state = _GROUPS[_group(item)]
    return [
        f"{concept(item['procedure'])} ({state})",
        *_about(item),
        *_product(item),
        *_dates(item),
        *_warnings(item),
        *_beside(item, problems),
    ]


def _beside(item: Immunisation, problems: LinkedProblems) -> Iterator[str]:
    yield from notes(item["notes"])
    yield from (_performer(each) for each in item["performers"])
    if place := party(item.get("location")):
        yield f"Place: {place}"
    yield from (f"Problem: {reason}" for reason in reasons(item["provenance"], problems))
    yield from origin(item["provenance"])


def _about(item: Immunisation) -> Iterator[str]:
    for reason in item["not_given_reasons"]:
        yield f"Not given because: {concept(reason)}"
    for reason in item["reasons"]:
        yield f"Reason: {concept(reason)}"
    if item["reported"] == "yes":
        yield "The practice was told of it and did not see it done."
    if "report_origin" in item:
        yield f"Told by: {concept(item['report_origin'])}"
    if "parent_present" in item:
        yield f"A parent was there: {'yes' if item['parent_present'] else 'no'}"


def _product(item: Immunisation) -> Iterator[str]:
    if "vaccine" in item:
        yield f"Product: {concept(item['vaccine'])}"
        yield from quality(item["vaccine"])
    else:
        yield "No product is named."
    if "vaccine_absent_reason" in item:
        yield f"Sent in its place: {concept(item['vaccine_absent_reason'])}"
    said = [
        ("Made by", party(item.get("manufacturer"))),
        ("Batch", item.get("batch")),
        ("Batch expires", when(item.get("expires"))),
        ("Dose", amount(item.get("dose"))),
        ("Number of the dose", str(item["dose_number"]) if "dose_number" in item else None),
        ("Site", concept(item["site"]) if "site" in item else None),
        ("Route", concept(item["route"]) if "route" in item else None),
    ]
    yield from (f"{name}: {value}" for name, value in said if value)
    for protocol in item["protocols"]:
        yield from _protocol(protocol)
    of_protocols = [each for protocol in item["protocols"] for each in protocol["target_diseases"]]
    yield from (f"Against: {concept(each)}" for each in item["target_diseases"] if each not in of_protocols)


def _protocol(protocol: Protocol) -> Iterator[str]:
    if "dose_number" in protocol or "doses_in_series" in protocol:
        of = f" of {protocol['doses_in_series']}" if "doses_in_series" in protocol else ""
        yield f"Dose {protocol.get('dose_number', 'without a number')}{of}"
    yield from (f"Against: {concept(each)}" for each in protocol["target_diseases"])
    if "description" in protocol:
        yield protocol["description"]
    if "dose_status" in protocol:
        yield f"State of the dose: {concept(protocol['dose_status'])}"


def _performer(performer: ImmunisationPerformer) -> str:
    roles = [_ROLES[role] for role in performer["roles"]]
    if "role_as_sent" in performer:
        roles.append(concept(performer["role_as_sent"]))
    return f"By: {party(performer['party'])} ({', '.join(roles) or 'what they did is not known'})"


def _dates(item: Immunisation) -> list[str]:
    name = "Intended" if item.get("given") is False else "Date"
    said = [(name, when(item.get("date"))), ("Entered", when(item.get("recorded_at")))]
    return [f"{name}: {value}" for name, value in said if value]


def _warnings(item: Immunisation) -> Iterator[str]:
    if "source_status" in item:
        yield f"State as sent: {item['source_status']}"
    yield from quality(item["procedure"])
    yield from marks(item)
