"""Tables as rows keyed by column heading: the same words for systems that cannot show HTML.

Columns and rows are found as a reader would find them; nothing is interpreted.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What the tags of a row say; rows of the same tags share one.

    Attributes:
        shapes: of its cells.
        places: of each cell's text: its first piece, counted from the row's tag, and what is between.
        headings: a cell is a heading.
        wide: a cell reaches over others.
        tall: a cell reaches into rows below.
        dates: cells that are marked as dates.
    """

    shapes: tuple[_Shape, ...]
    places: tuple[tuple[int, tuple[str, ...]], ...]
    headings: bool
    wide: bool
    tall: bool
    dates: tuple[int, ...]


_Row = tuple[list[str], _Pattern]
"""The texts of the cells, and what their tags say."""
_BLANK: Final = _Shape(heading=False)


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
        self._markup = markup
        self._shapes = {tag: _shape(tag) for tag in markup.kinds if tag.name in _CELLS and not tag.closing}
        self._row_end = next((tag for tag in markup.kinds if tag.name == "tr" and tag.closing), None)
        self._patterns: dict[tuple[Tag, ...], _Pattern | None] = {}

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
        """The row that a tag opens, and the tag that closes it."""
        tags, texts = self._markup.tags, self._markup.texts
        assert self._row_end is not None
        end = tags.index(self._row_end, at)
        within = tuple(tags[at + 1 : end])
        try:
            pattern = self._patterns[within]
        except KeyError:
            pattern = self._patterns[within] = self._pattern_of(within)
        if pattern is not None:
            # Most cells are one piece of text.
            cells = [
                _joined(texts, at + first, between) if between else _line(texts[at + first])
                for first, between in pattern.places
            ]
            return (cells, pattern), end
        cells, shapes = [], []
        while not ((tag := tags[at := at + 1]).closing and tag.name == "tr"):
            if tag in self._shapes:
                shapes.append(self._shapes[tag])
                text, at = self._text(at)
                cells.append(text)
        return (cells, _pattern(shapes)), at

    def _pattern_of(self, within: tuple[Tag, ...]) -> _Pattern | None:
        """The pattern of a row by its tags; None when a cell holds a table or a picture."""
        shapes: list[_Shape] = []
        places: list[tuple[int, tuple[str, ...]]] = []
        between: list[str] = []
        for at, tag in enumerate(within):
            if tag.name in ("table", "img"):
                return None
            if tag in self._shapes:
                shapes.append(self._shapes[tag])
                between.clear()
            elif tag.name in _CELLS:
                places.append((at + 1 - len(between), tuple(between)))
            else:
                between.append(LINE if tag.name in APART else "")
        return _pattern(shapes, places)

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


def _joined(texts: list[str], first: int, between: tuple[str, ...]) -> str:
    last = first + len(between)
    if "" not in between:  # whole lines, as in most
        return "\n".join([line for text in texts[first : last + 1] if (line := _line(text))])
    pieces = [texts[first]]
    for line_end, text in zip(between, texts[first + 1 : last + 1], strict=True):
        pieces += (line_end, text)
    return lines("".join(pieces))


def _pattern(shapes: Sequence[_Shape], places: Sequence[tuple[int, tuple[str, ...]]] = ()) -> _Pattern:
    return _Pattern(
        shapes=tuple(shapes),
        places=tuple(places),
        headings=any(shape.heading for shape in shapes),
        wide=len(shapes) > 1 and any(shape.columns > 1 for shape in shapes),
        tall=any(shape.rows > 1 for shape in shapes),
        dates=tuple(at for at, shape in enumerate(shapes) if shape.date),
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
    notices = [notice for row in _spread(reader.rows) if (notice := builder.add(*row)) is not None]
    return ReadTable(content, lines(LINE.join(reader.captions)), notices, reader.at)


class _Builder:
    """Adds rows to a table, each as what it is."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._dates: set[str] = set()
        self._as_date = _Dates()

    def add(self, texts: list[str], pattern: _Pattern) -> str | None:
        """Add a row; one that is a sentence of its own is handed back."""
        table, shapes = self._table, pattern.shapes
        filled = len(texts) - texts.count("")
        if not filled:
            return None
        if pattern.headings and all(shape.heading for shape, text in zip(shapes, texts, strict=True) if text):
            self._add_headings(texts)
            return None
        if filled == 1:
            text, shape = next((text, shape) for text, shape in zip(texts, shapes, strict=True) if text)
            if absence_in(text) or banner_in(text) or belongs_to_absence(text):
                return text
            if shape.group or shape.columns > 1 or len(texts) == 1 < len(table["columns"]):
                table["groups"].append(text)
                return None
        row: Row = {"cells": self._by_column(texts, pattern)}
        if table["groups"]:
            row["group"] = table["groups"][-1]
        table["rows"].append(row)
        return None

    def _add_headings(self, headings: list[str]) -> None:
        """The first headings name the columns; others further down repeat them, or head a group."""
        columns = _named(headings, [])
        if not self._table["columns"]:
            self._table["columns"] = columns
            self._dates = {name for name in columns if "date" in name.lower()}
        elif columns != self._table["columns"]:
            self._table["groups"].append(" ".join(filter(None, headings)))

    def _by_column(self, texts: list[str], pattern: _Pattern) -> dict[str, str]:
        columns = self._table["columns"]
        if len(columns) < len(texts):
            columns += _named([""] * (len(texts) - len(columns)), columns)
        cells = dict(zip(columns, texts, strict=False))
        if "" in texts:
            cells = {name: text for name, text in cells.items() if text}
        for at in pattern.dates:
            self._dates.add(columns[at])
        for name in self._dates:
            if name in cells:
                cells[name] = self._as_date[cells[name]]
        return cells


class _Dates(dict[str, str]):
    """What `date_text` makes of a text; a table has the same few dates in row after row."""

    def __missing__(self, text: str) -> str:
        written = self[text] = date_text(text)
        return written


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


def _spread(rows: list[_Row]) -> list[_Row]:
    """The rows with a blank cell wherever another cell reaches to, so that columns line up."""
    if not any(pattern.wide or pattern.tall for _, pattern in rows):
        return rows
    reaching: dict[int, int] = {}
    spread: list[_Row] = []
    for texts, pattern in rows:
        cells: list[str] = []
        shapes: list[_Shape] = []
        below = {column: left - 1 for column, left in reaching.items() if left > 1}
        for text, shape in zip(texts, pattern.shapes, strict=True):
            blanks = 0
            while len(cells) + blanks in reaching:
                blanks += 1
            cells += [""] * blanks
            shapes += [_BLANK] * blanks
            if shape.rows > 1:
                below |= {len(cells) + more: shape.rows - 1 for more in range(shape.columns)}
            cells += [text, *[""] * (shape.columns - 1)]
            shapes += [shape, *[_BLANK] * (shape.columns - 1)]
        reaching = below
        spread.append((cells, _pattern(shapes)))
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
        raw: of sanitised HTML, with `LINE` wherever a line ends.
    """
    return "\n".join(filter(None, map(_line, raw.split(LINE))))


def _line(raw: str) -> str:
    if "&" in raw:  # the sanitiser writes these four references and no other
        raw = raw.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if raw.isprintable() and "  " not in raw:  # as most text: its only blanks are single spaces
        return raw.strip()
    return " ".join(raw.split())
