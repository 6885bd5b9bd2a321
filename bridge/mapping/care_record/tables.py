"""Tables as rows keyed by column heading: the same words for systems that cannot show HTML.

Columns and rows are found as a reader would find them; nothing is interpreted.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from html import unescape
from typing import Final

from bridge.mapping.care_record.markup import APART, Markup, Tag, attributes_of
from bridge.mapping.care_record.wording import absence_in, banner_in, belongs_to_absence
from bridge.record.care_record import Row, Table

LINE: Final = "\x1e"
"""Between the lines of raw text, where a line feed is a blank like others."""
_CELLS: Final = frozenset({"td", "th"})
_DATE: Final = re.compile(
    r"(\d{1,2})[-\s](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[-\s](\d{4})",
    re.IGNORECASE | re.ASCII,
)
_WRITTEN: Final = re.compile(r"\d\d-[A-Z][a-z][a-z]-\d{4}", re.ASCII)
_MOST_SPANNED: Final = 20
"""Columns or rows of one cell; no table of the specification has more than ten columns."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the tag of a cell says; cells with the same tag share one."""

    heading: bool
    group: bool = False
    date: bool = False
    columns: int = 1
    rows: int = 1


_Row = list[tuple[str, _Shape]]
_BLANK: Final = ("", _Shape(heading=False))


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


class _Reader:
    """Reads from the start tag of a table, up to its end tag, which `at` then names."""

    def __init__(self, markup: Markup, at: int) -> None:
        self.at = at
        self.rows: list[_Row] = []
        self.captions: list[str] = []
        self.shapes = {tag: _shape(tag) for tag in markup.kinds if tag.name in _CELLS and not tag.closing}
        self._ends = frozenset(tag for tag in markup.kinds if tag.name in _CELLS and tag.closing)
        self._row_end = next((tag for tag in markup.kinds if tag.name == "tr" and tag.closing), None)
        self._markup = markup

    def read(self) -> None:
        tags, at = self._markup.tags, self.at
        while not ((tag := tags[at := at + 1]).closing and tag.name == "table"):
            if tag.closing:
                continue
            if tag.name == "tr":
                row, at = self._row(at)
                self.rows.append(row)
            elif tag.name == "caption":
                text, at = self._text(at)
                self.captions.append(text)
        self.at = at

    def _row(self, at: int) -> tuple[_Row, int]:
        """The cells of the row that a tag opens, and the tag that closes it."""
        tags, texts, shapes = self._markup.tags, self._markup.texts, self.shapes
        assert self._row_end is not None
        end = tags.index(self._row_end, at)
        starts = tags[at + 1 : end : 2]
        if shapes.keys() >= set(starts) and self._ends.issuperset(tags[at + 2 : end : 2]):
            row_texts = texts[at + 2 : end : 2]  # nothing but text in its cells, as in most rows
            return [(lines(text), shapes[tag]) for text, tag in zip(row_texts, starts, strict=True)], end
        row: _Row = []
        while not ((tag := tags[at := at + 1]).closing and tag.name == "tr"):
            if tag in shapes:
                text, at = self._text(at)
                row.append((text, shapes[tag]))
        return row, at

    def _text(self, at: int) -> tuple[str, int]:
        """The text of the element that a tag opens, and the tag that closes it."""
        tags, texts = self._markup.tags, self._markup.texts
        name = tags[at].name
        pieces = [texts[at + 1]]
        level = 1
        while True:
            at += 1
            tag = tags[at]
            if tag.name == name:
                level += -1 if tag.closing else 1
                if not level:
                    return lines("".join(pieces)), at
            if tag.name in APART:
                pieces.append(LINE)
            if tag.name == "img":
                pieces.append(attributes_of(tag.attributes).get("alt", ""))
            pieces.append(texts[at + 1])


def _shape(tag: Tag) -> _Shape:
    found = attributes_of(tag.attributes)
    classes = found.get("class", "").split()
    return _Shape(
        heading=tag.name == "th",
        group="med-item-column" in classes,
        date="date-column" in classes,
        columns=_span(found.get("colspan")),
        rows=_span(found.get("rowspan")),
    )


def read_table(markup: Markup, start: int) -> ReadTable:
    """Read the table that the tag `start` opens; one inside a cell counts as text of the cell."""
    reader = _Reader(markup, start)
    reader.read()
    content: Table = {"columns": [], "groups": [], "rows": []}
    table_id = attributes_of(markup.tags[start].attributes).get("id")
    if table_id:
        content["table_id"] = table_id
    builder = _Builder(content)
    rows = _spread(reader.rows, reader.shapes.values())
    notices = [notice for row in rows if (notice := builder.add(row)) is not None]
    return ReadTable(content, lines(LINE.join(reader.captions)), notices, reader.at)


class _Builder:
    """Adds rows to a table, each as what it is."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._dates: set[str] = set()

    def add(self, row: _Row) -> str | None:
        """Add a row; one that is a sentence of its own is handed back."""
        filled = [cell for cell in row if cell[0]]
        if not filled:
            return None
        if filled[0][1].heading and all(shape.heading for _, shape in filled):
            self._add_headings([text for text, _ in row])
            return None
        table = self._table
        if len(filled) == 1:
            ((text, shape),) = filled
            if absence_in(text) or banner_in(text) or belongs_to_absence(text):
                return text
            if shape.group or shape.columns > 1 or len(row) == 1 < len(table["columns"]):
                table["groups"].append(text)
                return None
        read: Row = {"cells": self._by_column(row)}
        if table["groups"]:
            read["group"] = table["groups"][-1]
        table["rows"].append(read)
        return None

    def _add_headings(self, headings: list[str]) -> None:
        """The first headings name the columns; others further down repeat them, or head a group."""
        columns = _named(headings, [])
        if not self._table["columns"]:
            self._table["columns"] = columns
            self._dates = {name for name in columns if "date" in name.lower()}
        elif columns != self._table["columns"]:
            self._table["groups"].append(" ".join(filter(None, headings)))

    def _by_column(self, row: _Row) -> dict[str, str]:
        columns, dates = self._table["columns"], self._dates
        if len(columns) < len(row):
            columns += _named([""] * (len(row) - len(columns)), columns)
        return {
            name: date_text(text) if name in dates or shape.date else text
            for name, (text, shape) in zip(columns, row, strict=False)
            if text
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


def _spread(rows: list[_Row], shapes: Collection[_Shape]) -> list[_Row]:
    """The rows with a blank cell wherever another cell reaches to, so that columns line up."""
    if all(shape.columns == shape.rows == 1 for shape in shapes):
        return rows
    if all(shape.rows == 1 for shape in shapes) and not any(
        len(row) > 1 and any(shape.columns > 1 for _, shape in row) for row in rows
    ):
        return rows  # headings across the table, as in the specification
    reaching: dict[int, int] = {}
    spread: list[_Row] = []
    for row in rows:
        cells: _Row = []
        below = {column: left - 1 for column, left in reaching.items() if left > 1}
        for cell in row:
            while len(cells) in reaching:
                cells.append(_BLANK)
            shape = cell[1]
            if shape.rows > 1:
                below |= {len(cells) + more: shape.rows - 1 for more in range(shape.columns)}
            cells.append(cell)
            if shape.columns > 1:
                cells += [_BLANK] * (shape.columns - 1)
        reaching = below
        spread.append(cells)
    return spread


def _span(sent: str | None) -> int:
    number = int(sent) if sent and sent.isascii() and sent.isdigit() and len(sent) < len("10000") else 1
    return min(max(number, 1), _MOST_SPANNED)


def date_text(text: str) -> str:
    """A date as `dd-Mmm-yyyy`, also where it was sent as `31 Oct 2016`; other text as it is."""
    if _WRITTEN.fullmatch(text) or (found := _DATE.fullmatch(text)) is None:
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
