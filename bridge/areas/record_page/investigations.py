"""Investigations: each report with its results and every note, in its own layout (CS-101, CS-103)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.investigations.events import InvestigationsPublished
from bridge.areas.investigations.model import (
    FilingComment,
    InvestigationReport,
    InvestigationRequest,
    InvestigationStatus,
    Specimen,
)
from bridge.areas.record_page.areas import completeness
from bridge.areas.record_page.names import Names, link
from bridge.areas.record_page.observations import HEADINGS, about, dates, found, row, warnings
from bridge.areas.record_page.provenance import (
    LinkedProblems,
    by_ref,
    marks,
    notes,
    origin,
    reasons,
    secrecy,
)
from bridge.areas.record_page.words import FORBIDDEN, amount, concept, party, told
from bridge.mapping.page import Html, element, facts, joined, lines, notice, table, text, when
from bridge.record.observations import Observation

_FILED: Final = (
    "Results are shown whether a clinician has filed them or not. "
    "A report without a filing comment may not have been looked at."
)
_STATUSES: Final[dict[InvestigationStatus, str]] = {
    "final": "final",
    "preliminary": "preliminary: it may change",
    "unknown": "not known whether it is final",
}
_NO_RESULTS: Final = "No result was sent in this report."


def investigations(data: InvestigationsPublished, names: Names) -> Html:
    """Everything that one event says about investigations."""
    problems = by_ref(data["linked_problems"])
    shown = [_report(item, names, problems) for item in data["items"]]
    return joined([notice(_FILED, alert=False), completeness(data["area"]), *shown])


def _report(item: InvestigationReport, names: Names, problems: LinkedProblems) -> Html:
    issued = when(item.get("issued")) or "date not sent"
    state = "" if item["status"] == "final" else f" ({_STATUSES[item['status']]})"
    alerts = list(_warnings(item))
    results: list[Html] = []
    for group in item["groups"]:
        title = concept(group["code"])
        results.append(element("h5", text(title)))
        if group.get("grouped_by") == "order":
            results.append(lines(["Only the order of the report says that these belong together."]))
        results.append(_table(title, [group, *group["results"]], names, problems))
    if item["results"]:
        results.append(_table("Results in no group", item["results"], names, problems))
    comments = [_comment(each, names) for each in item["filing_comments"]]
    return element(
        "div",
        element("h4", text(f"{issued}: {item['title']}{state}")),
        *([notice(*alerts, alert=True)] if alerts else []),
        facts(_facts(item, names, problems)),
        *([_as_laid_out(item["conclusion"])] if "conclusion" in item else []),
        *(results or [lines([_NO_RESULTS])]),
        *([element("h5", text("Written when it was filed"))] if comments else []),
        *comments,
        class_="item laboratory",
    )


def _facts(
    item: InvestigationReport, names: Names, problems: LinkedProblems
) -> list[tuple[str, str | list[str] | None]]:
    sent = f" (sent as {item['source_status']})" if "source_status" in item else ""
    return [
        ("Kind", concept(item["code"])),
        ("State", f"{_STATUSES[item['status']]}{sent}"),
        ("Category", [concept(each) for each in item["categories"]]),
        ("By", [said for each in item["performers"] if (said := party(each))]),
        ("Diagnosis", [concept(each) for each in item["coded_diagnoses"]]),
        ("Notes", notes(item["notes"])),
        ("Asked for", [line for each in item["requests"] for line in _request(each, names)]),
        ("Specimen", [line for each in item["specimens"] for line in _specimen(each)]),
        (
            "Named, and not in this report",
            [f"{each['named_as']}: {link(each['target'], names)}" for each in item.get("elsewhere", [])],
        ),
        ("Reason", reasons(item["provenance"], problems)),
        ("Origin", origin(item["provenance"])),
    ]


def _warnings(item: InvestigationReport) -> Iterator[str]:
    yield from marks(item)


def _request(request: InvestigationRequest, names: Names) -> Iterator[str]:
    said = [
        ("by", party(request.get("requester"))),
        ("on", when(request.get("requested_at"))),
        ("of", party(request.get("performer"))),
        ("state", request.get("status")),
    ]
    named = [concept(request["code"]), *([FORBIDDEN] if "do_not_perform" in request else [])]
    yield "; ".join([*named, *(f"{name} {value}" for name, value in said if value)])
    yield from (f"Because: {concept(each)}" for each in request["reason"])
    yield from (f"Because of {link(each, names)}" for each in request["reason_items"])
    yield from notes(request["notes"])
    yield from told(request["issue_codes"])
    yield from secrecy(request["security_labels"])


def _specimen(specimen: Specimen) -> Iterator[str]:
    said = [
        ("number", specimen.get("accession")),
        ("state", specimen.get("status")),
        ("taken", when(specimen.get("collected"))),
        ("until", when(specimen.get("collected_to"))),
        ("by", party(specimen.get("collector"))),
        ("at the laboratory", when(specimen.get("received_at"))),
        ("amount", amount(specimen.get("quantity"))),
        ("from", concept(specimen["body_site"]) if "body_site" in specimen else None),
        ("method", concept(specimen["method"]) if "method" in specimen else None),
        ("fasting", concept(specimen["fasting"]) if "fasting" in specimen else None),
        ("fasted for", amount(specimen.get("fasted_for"))),
    ]
    kind = concept(specimen["type"]) if "type" in specimen else "of a kind that was not sent"
    yield "; ".join([kind, *(f"{name} {value}" for name, value in said if value)])
    yield from notes(specimen["notes"])
    yield from told(specimen["issue_codes"])
    yield from secrecy(specimen["security_labels"])


def _table(title: str, items: list[Observation], names: Names, problems: LinkedProblems) -> Html:
    return table(title, HEADINGS, [row(item, names, problems) for item in items], row="item")


def _comment(comment: FilingComment, names: Names) -> Html:
    subjects = [each for each in (comment.get("about"), *comment.get("also_about", [])) if each is not None]
    filed = when(comment.get("filed_at")) or "date not sent"
    who = [said for each in comment["performers"] if (said := party(each))]
    beside = [
        "; ".join([f"Filed: {filed}", *who]),
        *([f"On {link(each, names)}" for each in subjects] or ["On the report as a whole"]),
        f"Kind: {concept(comment['code'])}",
        *about(comment, names),
        *found(comment),
        *dates(comment),
        *warnings(comment),
        *origin(comment["provenance"]),
    ]
    return joined([_as_laid_out(comment.get("text", "no words sent")), lines(beside)])


def _as_laid_out(words: str) -> Html:
    """Words in a fixed width, as their columns stand in it."""
    return element("p", text(words), class_="comment")
