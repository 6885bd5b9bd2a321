"""Tables as rows keyed by column heading: the same words for systems that cannot show HTML.

Columns and rows are found as a reader would find them; nothing is interpreted.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from bridge.mapping.care_record.marks import STRUCK_OUT
from bridge.mapping.care_record.markup import Markup, attributes_of
from bridge.mapping.care_record.rows import (
    BLANK,
    LINE,
    Pattern,
    RowGroup,
    RowReader,
    SentRow,
    Shape,
    lines,
    pattern_of,
)
from bridge.mapping.care_record.wording import absence_in, banner_in, belongs_to_absence
from bridge.record.care_record import NotAsRows, Row, Table
from bridge.values import dataclass

_DATE: Final = re.compile(
    r"(\d{1,2})[-\s](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[-\s](\d{4})",
    re.IGNORECASE | re.ASCII,
)
_WRITTEN: Final = re.compile(r"\d\d-[A-Z][a-z][a-z]-\d{4}", re.ASCII)


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


def read_table(markup: Markup, start: int) -> ReadTable:
    """Read the table that the tag `start` opens; one inside a cell counts as text of the cell."""
    reader = RowReader(markup, start)
    reader.read()
    content: Table = {"columns": [], "groups": [], "rows": []}
    table_id = attributes_of(markup.tags[start].attributes).get("id")
    if table_id:
        content["table_id"] = table_id
    builder = _Builder(content)
    notices: list[str] = []
    for group in _as_shown(reader.groups):
        rows, is_clear = _spread(group.rows)
        if not is_clear:
            builder.give_up("cells_unclear")
        added = (builder.add(*row, in_head=group.name == "thead") for row in rows)
        notices += [notice for notice in added if notice is not None]
    builder.finish()
    return ReadTable(content, lines(LINE.join(reader.captions)), notices, reader.at)


def _as_shown(groups: list[RowGroup]) -> list[RowGroup]:
    """The row groups from top to bottom: wherever they stand in the source, head and foot are at the ends."""
    head = next((group for group in groups if group.name == "thead"), None)
    foot = next((group for group in groups if group.name == "tfoot"), None)
    others = [group for group in groups if group is not head and group is not foot]
    return [group for group in (head, *others, foot) if group is not None]


class _Builder:
    """Adds rows to a table, each as what it is."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._heads: list[SentRow] = []
        self._titles: list[SentRow] = []
        self._has_begun = False
        self._dates: set[str] = set()
        self._as_date = _Dates()

    def add(self, texts: list[str], pattern: Pattern, *, in_head: bool) -> str | None:
        """Add a row; one that is a sentence of its own is handed back."""
        table, shapes = self._table, pattern.shapes
        filled = len(texts) - texts.count("")
        if not filled:
            return None
        if pattern.headings and all(shape.heading for shape, text in zip(shapes, texts, strict=True) if text):
            self._add_headings(texts, pattern, filled, in_head=in_head)
            return None
        if filled == 1:
            text, shape = next((text, shape) for text, shape in zip(texts, shapes, strict=True) if text)
            if absence_in(text) or banner_in(text) or belongs_to_absence(text):
                return text
        if in_head:
            self._add_headings(texts, pattern, filled, in_head=True)
            return None
        if not self._has_begun:
            self._begin(len(texts))
        if filled == 1 and (shape.group or shape.columns > 1 or len(texts) == 1 < len(table["columns"])):
            table["groups"].append(text)
            return None
        row: Row = {"cells": self._by_column(texts, pattern)}
        struck = [name for name, text in row["cells"].items() if STRUCK_OUT in text]
        if struck:
            row["struck_out"] = struck
        if table["groups"]:
            row["group"] = table["groups"][-1]
        table["rows"].append(row)
        return None

    def finish(self) -> None:
        """Every row was added."""
        if not self._has_begun:
            self._begin(1)
        if "not_as_rows" in self._table:
            self._table["groups"], self._table["rows"] = [], []

    def give_up(self, reason: NotAsRows) -> None:
        """The table can be shown, and not be given as rows."""
        self._table.setdefault("not_as_rows", reason)

    def _add_headings(self, texts: list[str], pattern: Pattern, filled: int, *, in_head: bool) -> None:
        """Headings above all rows name the columns; others further down repeat them, or head a group."""
        if not self._has_begun:
            is_title = filled == 1 and _is_alone(texts, pattern.shapes, in_head=in_head)
            (self._titles if is_title else self._heads).append((texts, pattern))
        elif filled == 1:
            self._table["groups"].append("".join(texts))
        elif _named(texts, []) != self._table["columns"] and all(texts != head for head, _ in self._heads):
            self.give_up("headings_change")

    def _begin(self, width: int) -> None:
        """The first row below the headings comes, with so many cells: the columns get their names."""
        self._has_begun = True
        heads, titles = self._heads, self._titles
        if not heads and len(titles) == width == 1:
            heads, titles = titles, []
        if heads:
            columns = _named(_one_below_another(heads), [])
            self._table["columns"] = columns
            self._dates = {name for name in columns if "date" in name.lower()}
        self._table["groups"] += ["".join(texts) for texts, _ in titles]

    def _by_column(self, texts: list[str], pattern: Pattern) -> dict[str, str]:
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


def _is_alone(texts: list[str], shapes: Sequence[Shape], *, in_head: bool) -> bool:
    """Whether a row with one heading is the title of what follows, not the heading of one column."""
    if texts[0] and shapes[0].columns >= len(texts):
        return True
    return not in_head and BLANK not in shapes


def _one_below_another(heads: list[SentRow]) -> list[str]:
    """The headings of each column, those of the rows above first."""
    if len(heads) == 1:
        return heads[0][0]
    stacks: list[list[str]] = []
    for texts, pattern in heads:
        for at, (text, shape) in enumerate(zip(texts, pattern.shapes, strict=True)):
            while len(stacks) < at + shape.columns:
                stacks.append([])
            for stack in stacks[at : at + shape.columns]:
                if text and stack[-1:] != [text]:
                    stack.append(text)
    return [" ".join(stack) for stack in stacks]


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


def _spread(rows: list[SentRow]) -> tuple[list[SentRow], bool]:
    """The rows of a row group with a blank cell wherever another cell reaches to, so that columns line up.

    Returns:
        the rows, and whether it is clear which column each cell is in.
    """
    if not any(pattern.wide or pattern.tall for _, pattern in rows):
        return rows, True
    reaching: dict[int, int] = {}
    spread: list[SentRow] = []
    is_clear = True
    for texts, pattern in rows:
        cells: list[str] = []
        shapes: list[Shape] = []
        below = {column: left - 1 for column, left in reaching.items() if left > 1}
        for number, (text, shape) in enumerate(zip(texts, pattern.shapes, strict=True), 1):
            while len(cells) in reaching:
                cells.append("")
                shapes.append(BLANK)
            columns = range(len(cells), len(cells) + shape.columns)
            if shape.clipped and (number < len(texts) or shape.rows > 1):
                is_clear = False
            if shape.columns > 1 and not reaching.keys().isdisjoint(columns):
                is_clear = False
            if shape.rows > 1:
                below |= dict.fromkeys(columns, shape.rows - 1)
            cells += [text, *[""] * (shape.columns - 1)]
            shapes += [shape, *[BLANK] * (shape.columns - 1)]
        missing = max(reaching, default=-1) + 1 - len(cells)
        reaching = below
        spread.append(([*cells, *[""] * missing], pattern_of([*shapes, *[BLANK] * missing])))
    return spread, is_clear


def date_text(text: str) -> str:
    """A date as `dd-Mmm-yyyy`, also where it was sent as `31 Oct 2016`; other text as it is."""
    if _WRITTEN.fullmatch(text) or (found := _DATE.fullmatch(text)) is None:
        return text
    day, month, year = found.groups()
    return f"{int(day):02}-{month.capitalize()}-{year}"
