"""Tables as rows keyed by column heading: the same words for systems that cannot show HTML.

Columns and rows are found as a reader would find them; nothing is interpreted.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from html import unescape
from typing import Final

from bridge.mapping.care_record.markup import APART, Markup, attributes_of
from bridge.mapping.care_record.wording import absence_in, banner_in, belongs_to_absence
from bridge.record.care_record import Row, Table

LINE: Final = "\x1e"
"""Between the lines of raw text, where a line feed is a blank like others."""
_CELLS: Final = frozenset({"td", "th"})
_DATE: Final = re.compile(
    r"(\d{1,2})[-\s](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[-\s](\d{4})",
    re.IGNORECASE | re.ASCII,
)
_MOST_SPANNED: Final = 20
"""Columns or rows of one cell; no table of the specification has more than ten columns."""


@dataclass(slots=True)
class _Cell:
    text: str
    heading: bool
    group: bool = False
    date: bool = False
    columns: int = 1
    rows: int = 1


@dataclass(slots=True)
class ReadTable:
    """A table as it was read.

    Attributes:
        content: the table.
        caption: its caption.
        notices: rows that are a sentence of their own: of absence, or of a banner.
        end: the tag that closes it.
    """

    content: Table
    caption: str
    notices: list[str]
    end: int


@dataclass(slots=True)
class _Reader:
    markup: Markup
    at: int
    rows: list[list[_Cell]] = field(default_factory=list)
    caption: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Read up to the end tag of the table, which `at` then names."""
        names, closing = self.markup.names, self.markup.closing
        row: list[_Cell] = []
        while True:
            self.at += 1
            name = names[self.at]
            if name in _CELLS and not closing[self.at]:
                row.append(self._cell(name))
            elif closing[self.at]:
                if name == "table":
                    return
            elif name == "tr":
                row = []
                self.rows.append(row)
            elif name == "caption":
                self.caption.append(self._text("caption"))

    def _cell(self, name: str) -> _Cell:
        raw = self.markup.attributes[self.at]
        text = self._text(name)
        if not raw:
            return _Cell(text, name == "th")
        found = attributes_of(raw)
        classes = found.get("class", "").split()
        return _Cell(
            text,
            name == "th",
            group="med-item-column" in classes,
            date="date-column" in classes,
            columns=_span(found.get("colspan")),
            rows=_span(found.get("rowspan")),
        )

    def _text(self, name: str) -> str:
        """The text up to the end tag of the element at hand, which `at` then names."""
        names, closing, texts = self.markup.names, self.markup.closing, self.markup.texts
        pieces = [texts[self.at + 1]]
        level = 1
        while True:
            self.at += 1
            inner = names[self.at]
            if inner == name:
                level += -1 if closing[self.at] else 1
                if not level:
                    return lines("".join(pieces))
            if inner in APART:
                pieces.append(LINE)
                if inner == "img":
                    pieces.append(attributes_of(self.markup.attributes[self.at]).get("alt", ""))
            pieces.append(texts[self.at + 1])


def read_table(markup: Markup, start: int) -> ReadTable:
    """Read the table that the tag `start` opens; one inside a cell counts as text of the cell."""
    reader = _Reader(markup, start)
    reader.read()
    content: Table = {"columns": [], "groups": [], "rows": []}
    table_id = attributes_of(markup.attributes[start]).get("id")
    if table_id:
        content["table_id"] = table_id
    notices = [notice for row in _spread(reader.rows) if (notice := _add(content, row)) is not None]
    return ReadTable(content, lines(LINE.join(reader.caption)), notices, reader.at)


def _add(table: Table, row: list[_Cell]) -> str | None:
    """Add a row to the table, as what it is; one that is a sentence of its own is handed back."""
    filled = [cell for cell in row if cell.text]
    if not filled:
        return None
    if all(cell.heading for cell in filled):
        _add_headings(table, row)
        return None
    if len(filled) == 1:
        (only,) = filled
        if absence_in(only.text) or banner_in(only.text) or belongs_to_absence(only.text):
            return only.text
        if only.group or only.columns > 1 or len(row) == 1 < len(table["columns"]):
            table["groups"].append(only.text)
            return None
    read: Row = {"cells": _by_column(table["columns"], row)}
    if table["groups"]:
        read["group"] = table["groups"][-1]
    table["rows"].append(read)
    return None


def _add_headings(table: Table, row: list[_Cell]) -> None:
    """The first headings name the columns; others further down are repeats of them, or head a group."""
    columns = _named([cell.text for cell in row], [])
    if not table["columns"]:
        table["columns"] = columns
    elif columns != table["columns"]:
        table["groups"].append(" ".join(cell.text for cell in row if cell.text))


def _by_column(columns: list[str], row: list[_Cell]) -> dict[str, str]:
    if len(columns) < len(row):
        columns += _named([""] * (len(row) - len(columns)), columns)
    return {
        name: date_text(cell.text) if cell.date or "date" in name.lower() else cell.text
        for name, cell in zip(columns, row, strict=False)
        if cell.text
    }


def _named(headings: list[str], before: list[str]) -> list[str]:
    """A name for each column, no two alike, after those `before`."""
    used = Counter(before)
    names: list[str] = []
    for place, sent in enumerate(headings, len(before) + 1):
        name = heading = sent or f"Column {place}"
        while name in used:
            used[heading] += 1
            name = f"{heading} ({used[heading]})"
        used[name] += 1
        names.append(name)
    return names


def _spread(rows: list[list[_Cell]]) -> list[list[_Cell]]:
    """The rows with a blank cell wherever another cell reaches to, so that columns line up."""
    if all(cell.columns == cell.rows == 1 for row in rows for cell in row):
        return rows
    blank = _Cell("", heading=False)
    reaching: dict[int, int] = {}
    spread: list[list[_Cell]] = []
    for row in rows:
        cells: list[_Cell] = []
        below = {column: left - 1 for column, left in reaching.items() if left > 1}
        for cell in row:
            while len(cells) in reaching:
                cells.append(blank)
            if cell.rows > 1:
                below |= {len(cells) + more: cell.rows - 1 for more in range(cell.columns)}
            cells += [cell, *[blank] * (cell.columns - 1)]
        reaching = below
        spread.append(cells)
    return spread


def _span(sent: str | None) -> int:
    number = int(sent) if sent and sent.isascii() and sent.isdigit() and len(sent) < len("10000") else 1
    return min(max(number, 1), _MOST_SPANNED)


def date_text(text: str) -> str:
    """A date as `dd-Mmm-yyyy`, also where it was sent as `31 Oct 2016`; other text as it is."""
    found = _DATE.fullmatch(text)
    if found is None:
        return text
    day, month, year = found.groups()
    return f"{int(day):02}-{month.capitalize()}-{year}"


def lines(raw: str) -> str:
    """Text as a reader sees it: references resolved, blanks collapsed, empty lines left out.

    Args:
        raw: with `LINE` wherever a line ends.
    """
    text = unescape(raw) if "&" in raw else raw
    if LINE not in text:
        return " ".join(text.split())
    return "\n".join(line for each in text.split(LINE) if (line := " ".join(each.split())))
