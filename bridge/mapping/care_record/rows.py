"""The rows of a table as its tags give them: the texts of their cells, and what the tags of the cells say."""

import re
from collections.abc import Sequence
from typing import Final

from bridge.mapping.care_record.markup import APART, Markup, Tag, attributes_of
from bridge.values import dataclass

LINE: Final = "\x1e"
"""Between the lines of raw text, where a line feed is a blank like others."""
_CELLS: Final = frozenset({"td", "th"})
_ROW_GROUPS: Final = frozenset({"thead", "tbody", "tfoot"})
_MOST_SPANNED: Final = 20
"""Columns of one cell; no table of the specification has more than ten."""
_TO_THE_END: Final = 65_534
"""Rows that a row span of 0 reaches over: all that the row group has, and the most that HTML allows."""
_NUMBER: Final = re.compile(r"[\t\n\f\r ]*\+?(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the tag of a cell says; cells with the same tag share one."""

    heading: bool
    group: bool = False
    date: bool = False
    columns: int = 1
    rows: int = 1
    clipped: bool = False
    """It says that it reaches over more columns than are followed."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the tags of a row say; rows of the same tags share one.

    Attributes:
        shapes: of its cells.
        places: of each cell's text: its first piece, counted from the row's tag, and what is between.
        headings: a cell is a heading.
        wide: a cell reaches over others.
        tall: a cell reaches into rows below.
        dates: cells that are marked as dates.
    """

    shapes: tuple[Shape, ...]
    places: tuple[tuple[int, tuple[str, ...]], ...]
    headings: bool
    wide: bool
    tall: bool
    dates: tuple[int, ...]


SentRow = tuple[list[str], Pattern]
"""The texts of the cells, and what their tags say."""


@dataclass(slots=True)
class RowGroup:
    """A head, body or foot of a table; no cell reaches out of it."""

    name: str
    rows: list[SentRow]


BLANK: Final = Shape(heading=False)
"""Of a place where another cell reaches to."""


class RowReader:
    """Reads from the start tag of a table, up to its end tag, which `at` then names."""

    def __init__(self, markup: Markup, at: int) -> None:
        self.at = at
        self.groups: list[RowGroup] = []
        self.captions: list[str] = []
        self._markup = markup
        self._shapes = {tag: _shape(tag) for tag in markup.kinds if tag.name in _CELLS and not tag.closing}
        self._row_end = next((tag for tag in markup.kinds if tag.name == "tr" and tag.closing), None)
        self._patterns: dict[tuple[Tag, ...], Pattern | None] = {}

    def read(self) -> None:
        """Read on, up to the end tag of the table."""
        tags, at = self._markup.tags, self.at
        while not ((tag := tags[at := at + 1]).closing and tag.name == "table"):
            if tag.closing:
                continue
            if tag.name == "tr":
                row, at = self._row(at)
                self.groups[-1].rows.append(row)
            elif tag.name in _ROW_GROUPS:
                self.groups.append(RowGroup(tag.name, []))
            elif tag.name == "caption":
                text, at = self._text(at)
                self.captions.append(text)
        self.at = at

    def _row(self, at: int) -> tuple[SentRow, int]:
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
        return (cells, pattern_of(shapes)), at

    def _pattern_of(self, within: tuple[Tag, ...]) -> Pattern | None:
        """The pattern of a row by its tags; None when a cell holds a table or a picture."""
        shapes: list[Shape] = []
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
        return pattern_of(shapes, places)

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


def _shape(tag: Tag) -> Shape:
    found = attributes_of(tag.attributes)
    classes = found.get("class", "").split()
    columns, rows = _span(found.get("colspan")), _span(found.get("rowspan"))
    return Shape(
        heading=tag.name == "th",
        group="med-item-column" in classes,
        date="date-column" in classes,
        columns=min(max(columns, 1), _MOST_SPANNED),
        rows=rows or _TO_THE_END,
        clipped=columns > _MOST_SPANNED,
    )


def _joined(texts: list[str], first: int, between: tuple[str, ...]) -> str:
    last = first + len(between)
    if "" not in between:  # whole lines, as in most
        return "\n".join([line for text in texts[first : last + 1] if (line := _line(text))])
    pieces = [texts[first]]
    for line_end, text in zip(between, texts[first + 1 : last + 1], strict=True):
        pieces += (line_end, text)
    return lines("".join(pieces))


def pattern_of(shapes: Sequence[Shape], places: Sequence[tuple[int, tuple[str, ...]]] = ()) -> Pattern:
    """The pattern of a row with these cells."""
    return Pattern(
        shapes=tuple(shapes),
        places=tuple(places),
        headings=any(shape.heading for shape in shapes),
        wide=len(shapes) > 1 and any(shape.columns > 1 for shape in shapes),
        tall=any(shape.rows > 1 for shape in shapes),
        dates=tuple(at for at, shape in enumerate(shapes) if shape.date),
    )


def _span(sent: str | None) -> int:
    """A column or row span, as HTML reads numbers; 1 where there is none."""
    number = _NUMBER.match(sent or "")
    return int(number[1]) if number else 1


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
