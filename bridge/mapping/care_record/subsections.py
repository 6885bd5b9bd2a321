"""The parts of a section and what each may be taken to say: never "nothing recorded" without grounds."""

from dataclasses import field
from typing import Final

from bridge.mapping.care_record.outline import Block
from bridge.mapping.care_record.wording import CAUTION, absence_in, banner_in, belongs_to_absence
from bridge.record.care_record import Absence, Banner, BannerKind, Subsection, Table, ViewState
from bridge.values import dataclass

_SECTION_LEVEL: Final = 1
_SUBSECTION_LEVEL: Final = 2
_LEAST_SAID_FIRST: Final[tuple[ViewState, ...]] = (
    "content",
    "access_denied",
    "withheld",
    "retrieval_not_supported",
    "not_stored",
    "unstated",
    "transfer_incomplete",
    "nothing_recorded",
)


@dataclass(slots=True)
class _Part:
    title: str | None
    banners: list[Banner] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    absences: set[Absence] = field(default_factory=set)
    has_words: bool = False

    def take(self, block: Block) -> None:
        if block.table is not None:
            self.tables.append(block.table)
            for text in (block.text, *block.notices):
                if text:
                    self._say(text)
        elif block.banner is not None:
            self._add_banner(block)
        else:
            self._say(block.text)

    def _add_banner(self, block: Block) -> None:
        assert block.banner is not None
        said = banner_in(block.text)
        # Words that say something is missing count, whatever class they came with.
        kind = said if said in ("exclusion", "transfer") else block.banner
        self.banners.append({"kind": kind, "text": block.text})
        if absence := absence_in(block.text):
            self.absences.add(absence)

    def _say(self, text: str) -> None:
        """A paragraph, or a row that is a sentence of its own."""
        if kind := banner_in(text):
            self.banners.append({"kind": kind, "text": text})
            return
        self.texts.append(text)
        if absence := absence_in(text):
            self.absences.add(absence)
        elif not belongs_to_absence(text):
            self.has_words = True

    def has_content(self) -> bool:
        return self.has_words or any(
            table["rows"] or table["groups"] or "not_as_rows" in table for table in self.tables
        )

    def holds_something(self) -> bool:
        return bool(self.tables or self.texts or self.absences)


@dataclass(frozen=True, slots=True)
class Parts:
    """A section in its parts.

    Attributes:
        heading: of the section, when it has one.
        banners: of the section as a whole.
        subsections: at least one.
        state, absence: of the section as a whole.
    """

    heading: str | None
    banners: list[Banner]
    subsections: list[Subsection]
    state: ViewState
    absence: Absence | None


def parts_of(blocks: list[Block], title: str) -> Parts:
    """Divide a section at its headings.

    Args:
        blocks: of the section.
        title: what a part without a heading of its own is called.
    """
    heading: str | None = None
    whole = _Part(None)
    parts = [whole]
    for block in blocks:
        if block.level == _SECTION_LEVEL and heading is None:
            heading = block.text
        elif 0 < block.level <= _SUBSECTION_LEVEL:
            parts.append(_Part(block.text))
        else:
            parts[-1].take(block)
    kinds = {banner["kind"] for banner in whole.banners}
    own = [part for part in parts if part is not whole or whole.holds_something() or len(parts) == 1]
    subsections = [_subsection(part, title, kinds, whole=part is whole) for part in own]
    said = {part.get("absence") for part in subsections}
    state = min((part["state"] for part in subsections), key=_LEAST_SAID_FIRST.index)
    return Parts(heading, whole.banners, subsections, state, said.pop() if len(said) == 1 else None)


def _subsection(part: _Part, title: str, section_banners: set[BannerKind], *, whole: bool) -> Subsection:
    banners = [] if whole else part.banners
    absence = next((each for each in CAUTION if each in part.absences), None)
    kinds = section_banners | {banner["kind"] for banner in banners}
    state: ViewState = "content" if part.has_content() else _why_nothing(absence, kinds)
    subsection: Subsection = {
        "title": part.title or title,
        "state": state,
        "may_say_none": state == "nothing_recorded",
        "banners": banners,
        "tables": part.tables,
        "texts": part.texts,
    }
    if absence is not None:
        subsection["absence"] = absence
    return subsection


def _why_nothing(absence: Absence | None, banners: set[BannerKind]) -> ViewState:
    """Why there is nothing to read: no statement of the practice's outweighs a banner that contradicts it."""
    if absence is not None and absence != "nothing_recorded":
        return absence
    if "exclusion" in banners:
        return "withheld"
    if "transfer" in banners:
        return "transfer_incomplete"
    return absence or "unstated"
