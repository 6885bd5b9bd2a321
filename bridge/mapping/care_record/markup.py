"""HTML cut into text and tags, and the words of it that a reader could see.

This is no parser: it knows no nesting, so nothing malformed can make it lose text. It is the second opinion
on the sanitiser: where the two do not agree about what is text, the section fails (HT-023).
"""

import re
from collections import Counter
from html import unescape
from typing import Final, Literal

from bridge.values import dataclass

_SPACE = r"[\t\n\f\r ]"
_VALUE = rf"""{_SPACE}*+={_SPACE}*+(?:"([^"]*+)"|'([^']*+)'|([^\t\n\f\r >"'][^\t\n\f\r >]*+))?+"""
_ATTRIBUTE = rf"(=[^\t\n\f\r />=]*+|[^\t\n\f\r />=]++)(?:{_VALUE})?+"
# As a browser reads attributes, stray quotes and signs included. Every character but `>` belongs to some
# attribute and nothing is tried twice, so that no text takes more than one pass.
_ATTRIBUTES = rf"(?:[\t\n\f\r /]++|{re.sub(r'[(](?![?])', '(?:', _ATTRIBUTE)})*+"
_ATTRIBUTE_PARTS: Final = re.compile(_ATTRIBUTE)
_INSIDE: Final = re.compile(rf"(/?)([a-zA-Z][^\t\n\f\r />]*+)({_ATTRIBUTES})")
_TAG: Final = re.compile(rf"<({re.sub(r'[(](?![?])', '(?:', _INSIDE.pattern)})>")
_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"<>"))
# CDATA counts as seen: it is text to whoever reads the page as XHTML, and nothing to whoever reads HTML.
_UNSEEN: Final = re.compile(
    r"<(?:(?P<comment>!--)|(?P<other>[?]|!(?!\[CDATA\[))"
    rf"|(?P<raw>script|style|title)(?=[\t\n\f\r />])(?P<with>{_ATTRIBUTES})>)",
    re.IGNORECASE,
)
_COMMENT_END: Final = re.compile(r"--!?>")
_OTHER_END: Final = re.compile(r">")
_RAW_END: Final = {
    name: re.compile(rf"</{name}(?=[\t\n\f\r />]){_ATTRIBUTES}>", re.IGNORECASE)
    for name in ("script", "style", "title")
}
APART: Final = frozenset(
    re.findall(
        r"\w+",
        "address article aside audio blockquote body br button canvas caption center col colgroup dd details "
        "dialog dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 "
        "head header hgroup hr html iframe image img input legend li listing main map marquee math menu "
        "meter nav noframes object ol optgroup option p param plaintext pre progress rp rt search section "
        "select source summary svg table tbody td template textarea tfoot th thead title tr ul video xmp ",
    )
)
"""Elements whose content a browser sets apart from the words around them; all others run on."""
_SHOWN_ATTRIBUTES: Final = {
    "img": ("alt",),
    "image": ("alt",),
    "area": ("alt",),
    "input": ("value", "placeholder", "alt"),
    "textarea": ("placeholder",),
    "option": ("label",),
    "optgroup": ("label",),
    "track": ("label",),
}
_LAYOUT: Final = re.compile(
    r"\\|/\*|(?:^|[;\s])(?:display|float|position|margin|padding|(?:min-)?width|left|right|text-indent"
    r"|letter-spacing|word-spacing|flex|grid|columns|content)",
    re.IGNORECASE,
)
"""Style declarations that can set words apart; what cannot be read may do so too."""


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """A tag; those that are written alike share one.

    Attributes:
        name: in lower case.
        closing: it is an end tag.
        attributes: raw.
        stand_in: what a reader sees of it: words of its attributes, a blank where it sets words apart.
    """

    name: str
    closing: bool
    attributes: str
    stand_in: str


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML as text and tags in turn.

    Attributes:
        texts: raw, character references not resolved; one more than tags.
        tags: in order.
        kinds: each tag once.
        left_out: `script`, `style` and `title`, where such elements were taken out.
    """

    texts: list[str]
    tags: list[Tag]
    kinds: tuple[Tag, ...]
    left_out: frozenset[str] = frozenset()


def cut(html: str) -> Markup:
    """Cut HTML into text and tags; comments, scripts, styles and titles are left out."""
    return _cut_regular(html) or _cut_any(html)


def _cut_regular(html: str) -> Markup | None:
    """The quick way, for HTML whose every `<` and `>` belongs to a tag; None for other HTML."""
    brackets = html.encode(errors="replace").translate(None, _ALL_BUT_BRACKETS)
    if brackets != b"<>" * (len(brackets) // 2):
        return None
    pieces = html.replace(">", "<").split("<")
    found = _Tags()
    try:
        tags = [found[inside] for inside in pieces[1::2]]
    except ValueError:
        return None
    if any(tag.name in _RAW_END for tag in found.values()):
        return None
    return Markup(pieces[0::2], tags, tuple(found.values()))


def _cut_any(html: str) -> Markup:
    end = html.rfind(">") + 1  # no tag ends after it, so none is looked for
    within, left_out = _without_unseen(html[:end])
    pieces = _TAG.split(within)
    pieces[-1] += html[end:]
    found = _Tags()
    tags = [found[inside] for inside in pieces[1::2]]
    return Markup(pieces[0::2], tags, tuple(found.values()), left_out)


class _Tags(dict[str, Tag]):
    """The tags by what stands inside their brackets, each read when it is first asked for."""

    def __missing__(self, inside: str) -> Tag:
        parts = _INSIDE.fullmatch(inside)
        if parts is None:
            raise ValueError("no tag")
        name, raw = parts[2].lower(), parts[3]
        tag = self[inside] = Tag(name, bool(parts[1]), raw, _stand_in(name, raw))
        return tag


def _without_unseen(html: str) -> tuple[str, frozenset[str]]:
    """Takes out what no reader ever sees; what is not closed counts as seen."""
    kept: list[str] = []
    raw_elements: set[str] = set()
    at = look_from = 0
    while (opening := _UNSEEN.search(html, look_from)) is not None:
        raw = opening["raw"]
        if raw and opening["with"].endswith("/"):  # empty in XHTML: what follows is text
            look_from = opening.end()
            continue
        if (end := _end_of(opening, html)) is None:
            break
        if raw:
            raw_elements.add(raw.lower())
        kept.append(html[at : opening.start()])
        at = look_from = end.end()
    return ("".join([*kept, html[at:]]) if at else html), frozenset(raw_elements)


def _end_of(opening: re.Match[str], html: str) -> re.Match[str] | None:
    if opening["comment"]:
        return _COMMENT_END.search(html, opening.start() + 2)  # `<!-->` is a whole comment
    if opening["other"]:
        return _OTHER_END.search(html, opening.end())
    return _RAW_END[opening["raw"].lower()].search(html, opening.end())


def attributes_of(raw: str) -> dict[str, str]:
    """The attributes of a tag by name in lower case; the first of two counts, as in a browser."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE_PARTS.findall(raw):
        found.setdefault(name.lower(), unescape(double or single or bare))
    return found


def _stand_in(name: str, raw: str) -> str:
    if not raw:
        return " " if name in APART else ""
    attributes = attributes_of(raw)
    words = [attributes[key] for key in _SHOWN_ATTRIBUTES.get(name, ()) if key in attributes]
    if name == "input" and attributes.get("type", "").lower() == "hidden":
        words = []
    apart = name in APART or _LAYOUT.search(attributes.get("style", "")) is not None
    return " ".join(["", *words, ""]).replace("&", "&amp;") if apart or words else ""


def seen_text(markup: Markup) -> str:
    """The text a reader could see, words that a browser sets apart with a blank between them.

    Text that the page hides counts as seen: a clinician is never shown less than was sent.
    """
    pieces = [""] * (len(markup.tags) * 2 + 1)
    pieces[0::2] = markup.texts
    pieces[1::2] = [tag.stand_in for tag in markup.tags]
    return unescape("".join(pieces))


def difference(before: Markup, after: Markup) -> Literal["moved", "changed"] | None:
    """How the seen texts differ: not at all, by the order of their words (`moved`), or by words."""
    if _are_alike(before, after):
        return None
    words, left = seen_text(before).split(), seen_text(after).split()
    if words == left:
        return None
    return "moved" if Counter(words) == Counter(left) else "changed"


def _are_alike(before: Markup, after: Markup) -> bool:
    """Whether even text and tags agree one by one, as on most pages."""
    if [tag.stand_in for tag in before.tags] != [tag.stand_in for tag in after.tags]:
        return False
    pairs = zip(before.texts, after.texts, strict=True)
    differing = [(sent, left) for sent, left in pairs if sent != left]
    return all(unescape(sent) == unescape(left) for sent, left in differing)
