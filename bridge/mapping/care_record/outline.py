"""The outline of a section: its headings, banners, paragraphs and tables, in order.

Works on what the sanitiser wrote, where every element is closed and nested as it should be.
"""

from typing import Final

from bridge.mapping.care_record.markup import APART, Markup, Tag, attributes_of
from bridge.mapping.care_record.rows import LINE, lines
from bridge.mapping.care_record.tables import read_table
from bridge.mapping.care_record.wording import MEANING_OF_CLASS
from bridge.record.care_record import BannerKind, Table
from bridge.values import dataclass

_NO_CONTENT: Final = frozenset({"br", "col", "hr", "img"})
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}


@dataclass(frozen=True, slots=True)
class Block:
    """One block of text, or one table.

    Attributes:
        text: of the block; lines apart by a line feed.
        level: of a heading; 0 for other text.
        banner: the kind of the banner that the block is, by its class.
        table: the table, then `text` is its caption.
        notices: rows of that table that are a sentence of their own.
    """

    text: str
    level: int = 0
    banner: BannerKind | None = None
    table: Table | None = None
    notices: tuple[str, ...] = ()


class _Outline:
    """Goes through the tags once."""

    def __init__(self, markup: Markup) -> None:
        self.blocks: list[Block] = []
        self._markup = markup
        self._words: list[str] = [markup.texts[0]]
        self._depth = 0
        self._level = 0
        self._banner: tuple[BannerKind, int] | None = None

    def read(self) -> list[Block]:
        tags, texts = self._markup.tags, self._markup.texts
        at = 0
        while at < len(tags):
            tag = tags[at]
            if tag.closing:
                self._close(tag)
            elif tag.name == "table":
                self._end_block()
                table = read_table(self._markup, at)
                self.blocks.append(Block(table.caption, table=table.content, notices=tuple(table.notices)))
                at = table.end
            else:
                self._start(tag)
            self._words.append(texts[at + 1])
            at += 1
        self._end_block()
        return self.blocks

    def _start(self, tag: Tag) -> None:
        if tag.name in APART:
            self._part()
        if tag.name == "img":
            self._words += [attributes_of(tag.attributes).get("alt", ""), LINE]
        if tag.name in _NO_CONTENT:
            return
        self._depth += 1
        if self._banner is not None:
            return
        if tag.name in _HEADINGS:
            self._level = _HEADINGS[tag.name]
        elif tag.attributes and (kind := _banner_class(tag.attributes)) is not None:
            self._end_block()
            self._banner = kind, self._depth

    def _close(self, tag: Tag) -> None:
        if tag.name in APART:
            self._part()
        if self._banner is not None and self._banner[1] == self._depth:
            self._end_block()
            self._banner = None
        if tag.name in _HEADINGS:
            self._level = 0
        self._depth -= 1

    def _part(self) -> None:
        """A line ends; outside of banners that is the end of a block too."""
        if self._banner is None:
            self._end_block()
        else:
            self._words.append(LINE)

    def _end_block(self) -> None:
        if text := lines("".join(self._words)):
            banner = self._banner[0] if self._banner else None
            self.blocks.append(Block(text, level=0 if banner else self._level, banner=banner))
        self._words.clear()


def _banner_class(raw: str) -> BannerKind | None:
    classes = attributes_of(raw).get("class", "").split()
    return next((MEANING_OF_CLASS[name] for name in classes if name in MEANING_OF_CLASS), None)


def outline(markup: Markup) -> list[Block]:
    """The blocks of a section, in order.

    Args:
        markup: of sanitised HTML, where each end tag closes the element opened last.
    """
    return _Outline(markup).read()
