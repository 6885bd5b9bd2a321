"""How completely an area was answered, and what the practice warns of (CS-044, CS-092)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.areas.record_page.words import AREAS, OUTCOMES, REASONS
from bridge.mapping.page import Html, day, element, facts, joined, lines, notice, table, text, when
from bridge.record import Area, Issue, Unmapped

_NO_ITEMS = "No item that was sent belongs here; see above what that means."


def completeness(area: Area) -> Html:
    """What its items, or that there are none, must not be mistaken for."""
    parts = [notice(first, *more, alert=True) for first, *more in alerts(area)]
    counted = f"listed by the practice {area['listed']}, shown {area['mapped']}, received {area['received']}"
    if linked := area.get("linked"):
        counted += f", came along with something else {linked}"
    parts.append(facts([(f"{name(area)}, counted", counted), *_stated(area)]))
    return joined(parts)


def completeness_lines(area: Area) -> list[str]:
    """The same in lines of text."""
    stated = [f"{title}: {value}" for title, value in _stated(area) if value]
    return [*(" ".join(each) for each in alerts(area)), *stated]


def alerts(area: Area) -> Iterator[list[str]]:
    """What a reader of an area must not miss: each in one sentence or more."""
    outcome = area["outcome"]
    if outcome != "items":
        yield [f"{name(area)}: {OUTCOMES[outcome]}"]
    if not area["complete"]:
        yield [f"{name(area)}: incomplete. Do not take this for the whole."]
    for warning in area["warnings"]:
        missing = when(warning.get("missing_before"))
        said = [f"What was recorded before {missing} may be missing."] if missing else []
        if concerned := warning.get("secondary_list"):
            said.append(f"It concerns what came along: {concerned}.")
        yield [f"{name(area)}: {warning['text']}", *said]
    if area["placeholders"]:
        yield [f"{name(area)}: there are items that the practice could only name:", *area["placeholders"]]
    if searched := day(area.get("search_from")):
        yield [f"{name(area)}: only what was active on or after {searched} was asked for."]
    if limits := area.get("limited_to"):
        said = [f"{option}: {value}" for option, value in limits.items()]
        yield [f"{name(area)}: the request left something out. It asked with:", *said]


def _stated(area: Area) -> list[tuple[str, str | None]]:
    return [("The practice says", area.get("note")), ("Reason for an empty list", area.get("empty_reason"))]


def name(area: Area) -> str:
    """The name of an area."""
    return AREAS.get(area["area"], area["area"])


def group(title: str, shown: Html | None, *, style: str = "") -> Html:
    """Items of one state under a heading; where there are none it says what that is."""
    content = shown or element("p", text(_NO_ITEMS))
    heading = element("h4", text(title))
    return element("div", heading, content, class_=f"group {style}".rstrip())


def issues(found: Iterable[Iterable[Issue]]) -> Html:
    """Every warning about the answer, once, with where it was met."""
    groups: dict[tuple[str, str], list[str]] = {}
    for issue in _once(found):
        place = " ".join(part for part in (issue.get("source_ref"), issue.get("path")) if part)
        groups.setdefault((issue["severity"], issue["message"]), []).append(place or "the answer as a whole")
    if not groups:
        return element("p", text("There are no warnings about this answer."))
    order = ("error", "warning", "information")
    rows = [
        [lines([message]), lines([severity]), lines([str(len(places))]), lines(places)]
        for (severity, message), places in sorted(groups.items(), key=lambda each: order.index(each[0][0]))
    ]
    return table("Warnings about the answer", ["Warning", "Severity", "Times", "Where"], rows, row="warning")


def unmapped(found: Iterable[Iterable[Unmapped]]) -> Html:
    """What was received and is not among the items, so that it is still seen."""
    rows = [
        [
            lines([each.get("display", "no words")]),
            lines([AREAS.get(each.get("area", ""), each.get("area", "not known"))]),
            lines([f"{REASONS[each['reason']]}: {each['detail']}"]),
            lines([each["source_ref"]]),
        ]
        for each in _once(found)
    ]
    if not rows:
        return Html("")
    warning = notice("The practice sent more than the items show. It may matter.", alert=True)
    headings = ["What", "Area", "Why it is not an item", "Source"]
    return joined([warning, table("Received, but not shown as items", headings, rows, row="unmapped")])


def _once(found: Iterable[Iterable[Any]]) -> list[Mapping[str, Any]]:
    """The entries of several events which each repeat those of the whole record."""
    seen: Counter[tuple[tuple[str, str], ...]] = Counter()
    for entries in found:
        seen |= Counter(tuple(sorted(entry.items())) for entry in entries)
    return [dict(entry) for entry in seen.elements()]
