"""The practice's HTML made safe to show, or the reason why it cannot be.

An allow-list: the elements of the FHIR narrative (DSTU2, `narrative.html`), and those that mark words as
struck out, because without them a withdrawn entry would read as a valid one. No attribute that remains can
run, fetch, lead anywhere or hide text.
"""

import re
from collections import Counter
from hashlib import sha256
from typing import Final, Literal

import nh3

from bridge.mapping.care_record.marks import STRIKING_CLASSES, loses_marks, strikes
from bridge.mapping.care_record.markup import Markup, attributes_of, cut, difference
from bridge.values import dataclass

MAX_CHARACTERS: Final = 8 * 1024 * 1024
"""Of one section. The largest real ones have some 2 MB; beyond this a page helps no reader."""
_MAX_DEPTH: Final = 512
"""Levels of elements, as in a browser. Together with the next two it keeps parsing time in proportion."""
_MAX_LOOSE_AMPERSANDS: Final = 20_000
_MAX_ATTRIBUTES: Final = 500
_FEW_ATTRIBUTES: Final = 4096
"""Characters of a tag below which its attributes are not counted."""

ELEMENTS: Final = frozenset(
    re.findall(
        r"\w+",
        "a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd del dfn div dl dt "
        "em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q s samp small span strike strong sub sup table "
        "tbody td tfoot th thead tr tt u ul var",
    )
)
SPECIFICATION_CLASSES: Final = frozenset(
    {
        "gptransfer-banner",
        "content-banner",
        "date-banner",
        "exclusion-banner",
        "date-column",
        "med-item-column",
    }
)
FHIR_CLASSES: Final = frozenset(
    re.findall(
        r"[\w-]+",
        "bold italics underline strikethrough left right center justify border-left border-right border-top "
        "border-bottom arabic little-roman big-roman little-alpha big-alpha disc circle square unlist",
    )
)
"""The runtime classes of the FHIR narrative, which every viewer supports (HT-024)."""

_ATTRIBUTES: Final = {
    "*": {"dir", "lang", "style", "align", "valign"},
    "col": {"span"},
    "colgroup": {"span"},
    "img": {"alt"},
    "li": {"value"},
    "ol": {"start", "type"},
    "table": {"id"},
    "td": {"colspan", "rowspan", "headers", "scope"},
    "th": {"colspan", "rowspan", "headers", "scope"},
    "ul": {"type"},
}
_TABLE_ID: Final = re.compile(r"[a-z]{2,12}-tab(?:-[a-z]{2,12}){0,3}", re.ASCII)
"""Ids of the specification and their like; with a hyphen, so that no script of a viewer's page means them."""
_STYLES: Final = re.compile(
    r"\s*(font-style\s*:\s*(normal|italic|oblique)"
    r"|font-weight\s*:\s*(normal|bold|bolder|[1-9]00)"
    r"|text-align\s*:\s*(left|right|center|justify)"
    r"|text-decoration\s*:\s*(none|underline|line-through)"
    r"|vertical-align\s*:\s*(baseline|sub|super|top|middle|bottom)"
    r"|white-space\s*:\s*(normal|pre|pre-wrap|pre-line))\s*",
    re.IGNORECASE | re.ASCII,
)
"""Declarations that change what words mean to a reader, such as struck out or raised; keywords only."""

_ACTIVE: Final = frozenset(
    re.findall(
        r"\w+",
        "applet audio base button embed form frame frameset iframe input link math meta object script select "
        "svg textarea video",
    )
)
_CLOSED_BY_THE_NEXT: Final = frozenset(
    re.findall(
        r"\w+",
        "br col dd dt hr img input li link meta option p tbody td tfoot th thead tr wbr",
    )
)
"""Elements that have no content, or end where their like begins: however many, they are not nested."""
_SPELLINGS: Final = {
    '<div xmlns="http://www.w3.org/1999/xhtml">': "<div>",
    "<br/>": "<br>",
    "<br />": "<br>",
}
"""Tags that pages are full of as XHTML, and how the sanitiser writes them."""
_LOOSE_AMPERSAND: Final = re.compile(r"&(?!#?\w{1,32};)", re.ASCII)
_DRAWINGS: Final = frozenset({"svg", "math"})
_BYTE_ORDER_MARK: Final = "\ufeff"
_HANDLER: Final = re.compile(r"(?:^|[\s/\"'])on\w+\s*=|(?:javascript|vbscript|data:text)\s*:", re.IGNORECASE)
_HIDING: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)


def _kept_attribute(element: str, name: str, value: str) -> str | None:
    if "<" in value or ">" in value:  # what remains is cut at these
        return None
    if name == "style":
        return "; ".join(filter(None, map(_kept_style, value.split(";")))) or None
    if name == "id":
        return value if element == "table" and _TABLE_ID.fullmatch(value) else None
    return value


def _kept_style(declaration: str) -> str | None:
    """A declaration that may stay; whatever else one says of lines, the line through words stays."""
    if _STYLES.fullmatch(declaration):
        return declaration.strip()
    return "text-decoration: line-through" if strikes(declaration) else None


_CLEANER: Final = nh3.Cleaner(
    tags=ELEMENTS,
    clean_content_tags={"script", "style", "title"},
    attributes=_ATTRIBUTES,
    attribute_filter=_kept_attribute,
    allowed_classes=dict.fromkeys(ELEMENTS, SPECIFICATION_CLASSES | FHIR_CLASSES | STRIKING_CLASSES),
    link_rel=None,
    url_schemes=set(),
)


@dataclass(frozen=True, slots=True)
class Sanitised:
    """What became of the practice's HTML.

    Attributes:
        html: safe to show.
        markup: the same, cut into text and tags; they may be spelled as received.
        issues: codes of `CARE_RECORD_ISSUES`.
    """

    html: str
    markup: Markup
    issues: tuple[str, ...]


Loss = Literal["too_large", "text_would_be_lost", "marks_would_be_lost"]


def sanitise(received: str) -> Sanitised | Loss:
    """The HTML with everything but an allow-list taken out, or why it cannot be shown.

    Args:
        received: any text that can be written as UTF-8.
    """
    received = received.removeprefix(_BYTE_ORDER_MARK)
    if len(received) > MAX_CHARACTERS or _is_out_of_proportion(received, before := cut(received)):
        return "too_large"
    if _has_drawing(before):
        return "text_would_be_lost"
    html = _CLEANER.clean(received)
    if html == _respelled(received):  # as pages by the specification: nothing to compare
        return Sanitised(html, before, _removed(before))
    after = cut(html)
    differs = difference(before, after)
    if differs == "changed":  # HT-023: never show less than was sent
        return "text_would_be_lost"
    issues = _removed(before)
    safe = Sanitised(html, after, (*issues, "text_moved") if differs == "moved" else issues)
    return "marks_would_be_lost" if loses_marks(received, before, after) else safe


def _respelled(received: str) -> str:
    """The HTML with some of its tags as the sanitiser spells them.

    When that is what the sanitiser wrote, it took nothing out: it writes `<` and `>` for tags only, so what
    was spelled differently were tags, and all else is the same.
    """
    for sent, written in _SPELLINGS.items():
        received = received.replace(sent, written)
    return received


def _is_out_of_proportion(received: str, before: Markup) -> bool:
    """Whether parsing would take time by the square of something."""
    return (
        depth(before) > _MAX_DEPTH
        or sum(1 for _ in _LOOSE_AMPERSAND.finditer(received)) > _MAX_LOOSE_AMPERSANDS
        or any(
            len(tag.attributes) > _FEW_ATTRIBUTES and len(attributes_of(tag.attributes)) > _MAX_ATTRIBUTES
            for tag in before.kinds
        )
    )


def _has_drawing(before: Markup) -> bool:
    """Whether there is SVG or MathML that is not empty: its words cannot be shown as it shows them."""
    if not any(tag.name in _DRAWINGS for tag in before.kinds):
        return False
    following = [*before.tags[1:], None]
    return any(
        tag.name in _DRAWINGS
        and not tag.closing
        and not tag.attributes.endswith("/")
        and not (after is not None and after.closing and after.name == tag.name)
        for tag, after in zip(before.tags, following, strict=True)
    )


def depth(markup: Markup) -> int:
    """An upper bound of how deeply elements are nested, however end tags are matched; 0 when they are few."""
    nesting = {tag for tag in markup.kinds if tag.name not in _CLOSED_BY_THE_NEXT}
    tags = [tag for tag in markup.tags if tag in nesting]
    if len(tags) <= _MAX_DEPTH:
        return 0
    level, deepest = Counter[str](), Counter[str]()
    for tag in tags:
        name = tag.name
        level[name] = max(level[name] - 1, 0) if tag.closing else level[name] + 1
        deepest[name] = max(deepest[name], level[name])
    return deepest.total()


def _removed(before: Markup) -> tuple[str, ...]:
    names = {tag.name for tag in before.kinds} | before.left_out
    attributes = {tag.attributes for tag in before.kinds}
    issues: list[str] = []
    if not _ACTIVE.isdisjoint(names) or any(map(_HANDLER.search, attributes)):
        issues.append("active_content_removed")
    if not {"img", "image", "picture"}.isdisjoint(names):
        issues.append("picture_left_out")
    if any(_hides(raw) for raw in attributes):
        issues.append("hidden_text_shown")
    return tuple(issues)


def _hides(raw: str) -> bool:
    found = attributes_of(raw)
    return "hidden" in found or _HIDING.search(found.get("style", "")) is not None


def html_hash(html: str) -> str:
    """`sha256:` of HTML as UTF-8."""
    return f"sha256:{sha256(html.encode()).hexdigest()}"
