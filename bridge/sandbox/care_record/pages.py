"""A section of the care record as a practice renders it: headings, banners, tables (carerecord_html §4)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from bridge.sandbox.care_record.query import SectionQuery

Cell = str | date
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STILL_THERE = "This data may still exist in the source system."

NOTHING_RECORDED = "nothing_recorded"
FRAGMENTS = {
    NOTHING_RECORDED: ("No '{}' data is recorded for this patient.",),
    "retrieval_not_supported": (
        "This system does not support retrieval of '{}' data.",
        _STILL_THERE,
    ),
    "access_denied": ("Access is denied to '{}' data for this patient.", _STILL_THERE),
    "not_stored": ("'{}' data is not supported by this system.",),
}
"""What stands in place of a table: four different things."""


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row. Cells hold markup, or a date that is written as the practice's system writes dates.

    Attributes:
        day: held against a period that was asked for.
        group: heading that the row stands under.
    """

    cells: tuple[Cell, ...]
    day: date | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class PageTable:
    """One table, with what stands above it.

    Attributes:
        title: of the part, as its heading and in what stands in for the table.
        is_filtered: whether a period applies to it.
        notes: content banners of this part.
        withheld: whether items were excluded.
        absence: one of `FRAGMENTS`, in place of the table.
    """

    title: str
    id: str
    columns: tuple[str, ...]
    rows: tuple[PageRow, ...] = ()
    is_filtered: bool = True
    notes: tuple[str, ...] = ()
    withheld: bool = False
    absence: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One section.

    Attributes:
        takes_period: whether it says which period it shows.
        transfer: until when information may be missing, while the record is on its way from another practice.
    """

    code: str
    title: str
    tables: tuple[PageTable, ...]
    takes_period: bool = True
    notes: tuple[str, ...] = ()
    transfer: date | None = None

    def each(self, change: Callable[[PageTable], PageTable]) -> "Page":
        """The same with every table changed."""
        return replace(self, tables=tuple(change(table) for table in self.tables))


@dataclass(frozen=True, slots=True)
class Style:
    """How a practice's system writes.

    Attributes:
        older: with the words and dates from before 0.7.2.
        in_cells: what stands in for a table is inside one.
        default_start: from when on items are shown where a period could be asked for and none was.
        finish: what is done to the markup at last.
    """

    older: bool = False
    in_cells: bool = False
    default_start: date | None = None
    finish: Callable[[str], str] = str

    def day(self, day: date) -> str:
        """A date as it stands in cells and banners."""
        return (" " if self.older else "-").join((f"{day.day:02d}", _MONTHS[day.month - 1], str(day.year)))


def render(page: Page, query: SectionQuery, style: Style) -> str:
    """The markup of a section."""
    parts = [f"<h1>{page.title}</h1>", *_top(page, style)]
    if len(page.tables) == 1:
        parts += _part(page, page.tables[0], query, style)
    else:
        parts += [
            f"<div><h2>{table.title}</h2>{''.join(_part(page, table, query, style))}</div>"
            for table in page.tables
        ]
    return style.finish(f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(parts)}</div>')


def banner(kind: str, text: str) -> str:
    """One notice."""
    return f'<div class="{kind}-banner"><p>{text}</p></div>'


def _top(page: Page, style: Style) -> Iterator[str]:
    if page.transfer:
        text = (
            "Patient record transfer from previous GP practice not yet complete; "
            f"information recorded before {style.day(page.transfer)} may be missing"
        )
        yield banner("gptransfer", text)
    yield from (banner("content", note) for note in page.notes)


def _part(page: Page, table: PageTable, query: SectionQuery, style: Style) -> Iterator[str]:
    yield from (banner("content", note) for note in table.notes)
    if page.takes_period:
        yield banner("date", _period(table, query, style))
    if table.withheld:
        older = "Sensitive data has been excluded"
        text = "Items excluded due to confidentiality and/or patient preferences"
        yield banner("exclusion", older if style.older else text)
    if page.takes_period and not query.is_filtered and style.default_start:
        query = replace(query, start=style.default_start)
    rows = [row for row in table.rows if not table.is_filtered or query.holds(row.day)]
    absence = table.absence or (None if rows else NOTHING_RECORDED)
    yield _fragment(absence, table, style) if absence else _table(table, rows, style)


def _period(table: PageTable, query: SectionQuery, style: Style) -> str:
    if not table.is_filtered and (query.is_filtered or style.default_start):
        return "Date filter not applied"
    if style.default_start and not query.is_filtered:
        return f"All data items from {style.day(style.default_start)}"
    items = "All data items" if style.older else "Data items"
    if query.start and query.end:
        return f"For the period '{style.day(query.start)}' to '{style.day(query.end)}'"
    if query.start:
        return f"{items} from {style.day(query.start)}"
    if query.end:
        return f"{items} until {style.day(query.end)}"
    return "All Data Items" if style.older else "All relevant items"


def _fragment(absence: str, table: PageTable, style: Style) -> str:
    texts = [f"<p>{line.format(table.title)}</p>" for line in FRAGMENTS[absence]]
    if not style.in_cells:
        return f"<div>{''.join(texts)}</div>"
    heads = "".join(f"<th>{column}</th>" for column in table.columns)
    cell = f'<tr><td colspan="{len(table.columns)}">{"".join(texts)}</td></tr>'
    return f'<table id="{table.id}"><thead><tr>{heads}</tr></thead><tbody>{cell}</tbody></table>'


def _table(table: PageTable, rows: list[PageRow], style: Style) -> str:
    heads = "".join(f"<th>{column}</th>" for column in table.columns)
    return (
        f'<table id="{table.id}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(_rows(table, rows, style))}</tbody></table>"
    )


def _rows(table: PageTable, rows: list[PageRow], style: Style) -> Iterator[str]:
    group = None
    for row in rows:
        if row.group and row.group != group:
            group = row.group
            span = len(table.columns)
            yield f'<tr><td colspan="{span}" class="med-item-column"><strong>{group}</strong></td></tr>'
        yield f"<tr>{''.join(_cell(cell, style) for cell in row.cells)}</tr>"


def _cell(cell: Cell, style: Style) -> str:
    if isinstance(cell, date):
        return f'<td class="date-column">{style.day(cell)}</td>'
    return f"<td>{cell}</td>"
