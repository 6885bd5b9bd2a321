"""What marks say about words: struck out, raised, lowered. As rows are plain, marks become words.

A withdrawn entry without the line through it reads as a valid one, and 10⁹ without its raised figure as 109.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape, unescape
from typing import Final, Literal

from bridge.mapping.care_record.markup import APART, Markup, Tag, attributes_of

STRUCK_OUT: Final = "[struck out: "
"""Stands before words that the page strikes out; a square bracket ends them."""
STRIKING_CLASSES: Final = frozenset(
    re.findall(
        r"[\w-]+", "strikethrough strike strike-through line-through linethrough struck struck-out struckout"
    )
)
"""The class of the FHIR narrative, and names that say the same."""
_STRIKING_ELEMENTS: Final = frozenset({"del", "s", "strike"})
_EMPTY: Final = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_MAY_MARK: Final = re.compile(r"line-through|vertical-align|class|&", re.IGNORECASE)
_DECORATION: Final = re.compile(r"text-decoration(?:-line)?", re.IGNORECASE)
_ALIGNED: Final = re.compile(r"(?:^|;)\s*vertical-align\s*:\s*(super|sub)\b", re.IGNORECASE)
_CLASS_SELECTOR: Final = re.compile(r"\.(-?[_a-zA-Z][\w-]*)", re.ASCII)

_Move = Literal["super", "sub"]
_CHARACTERS: Final[Mapping[_Move, dict[int, str]]] = {
    "super": dict(zip(map(ord, "0123456789+-\u2212=()n"), "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ", strict=True)),
    "sub": dict(zip(map(ord, "0123456789+-\u2212=()"), "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True)),
}
_SIGNS: Final[Mapping[_Move, str]] = {"super": "^", "sub": "_"}
_MOST_MOVED: Final = 2
"""Moves that are written, of those inside each other: a power has a power at most."""


def strikes(declarations: str) -> bool:
    """Whether the text of a style attribute draws a line through words; the last declaration counts."""
    struck = False
    for declaration in _without_comments(declarations).split(";"):
        name, _, value = declaration.partition(":")
        if _DECORATION.fullmatch(name.strip()):
            struck = "line-through" in value.lower()
    return struck


def _without_comments(css: str) -> str:
    first, *others = css.split("/*")
    return first + "".join(each.partition("*/")[2] for each in others)


def with_marks(markup: Markup) -> Markup:
    """The same page with its marks as words, for whatever reads its texts alone.

    Args:
        markup: of sanitised HTML, where every element is closed and nested as it should be.

    Returns:
        `markup` itself where nothing is marked, as on most pages. Else words that are struck out stand in
        ``[struck out: …]``, each line for itself; raised and lowered figures are the characters that look so,
        and other raised and lowered words ``^(…)`` and ``_(…)``.
    """
    marking = _marking(markup)
    if not marking:
        return markup
    texts, tags = list(markup.texts), list(markup.tags)
    run: int | None = None  # the last piece of struck words so far in this line
    for at, (struck, moves) in enumerate(_marks(markup, marking)):
        before = tags[at - 1] if at else None
        if run is not None and (not struck or (before is not None and before.name in APART)):
            texts[run] = _around(texts[run], after="]")
            run = None
        if before is not None and before.name == "img" and struck:
            tags[at - 1] = _struck_picture(before)
        if not texts[at].strip():
            continue
        for move in reversed(moves[-_MOST_MOVED:]):
            texts[at] = _moved(texts[at], move)
        if struck:
            if run is None:
                texts[at] = _around(texts[at], before=STRUCK_OUT)
            run = at
    if run is not None:
        texts[run] = _around(texts[run], after="]")
    return Markup(texts, tags, tuple(dict.fromkeys(tags)), markup.left_out)


def loses_marks(received: str, before: Markup, after: Markup) -> bool:
    """Whether other words are marked after sanitising than a reader of what was received would see marked.

    Marks get lost where a parser moves them, such as around a row, with elements that the sanitiser takes
    out, and with the page's own style sheet.
    """
    if "style" in before.left_out and _sheet_strikes(received, before):
        return True
    marking, left = _marking(before), _marking(after)
    return bool(marking or left) and _marked(before, marking) != _marked(after, left)


def _marking(markup: Markup) -> dict[Tag, tuple[bool, _Move | None]]:
    """The tags that mark what is inside, and how: whether it is struck out, whether it is moved."""
    found: dict[Tag, tuple[bool, _Move | None]] = {}
    for tag in markup.kinds:
        if tag.closing or _is_empty(tag):
            continue
        struck = tag.name in _STRIKING_ELEMENTS
        move: _Move | None = "super" if tag.name == "sup" else "sub" if tag.name == "sub" else None
        if tag.attributes and _MAY_MARK.search(tag.attributes):
            attributes = attributes_of(tag.attributes)
            style = attributes.get("style", "")
            classes = attributes.get("class", "").split()
            struck = struck or strikes(style) or not STRIKING_CLASSES.isdisjoint(classes)
            if tag.name not in APART and (aligned := _ALIGNED.search(style)):
                move = "super" if aligned[1].lower() == "super" else "sub"
        if struck or move:
            found[tag] = struck, move
    return found


def _is_empty(tag: Tag) -> bool:
    """Whether nothing is inside: `<del/>` is empty as XHTML, and strikes out all that follows as HTML."""
    return tag.name in _EMPTY or tag.attributes.endswith("/")


def _marks(
    markup: Markup, marking: Mapping[Tag, tuple[bool, _Move | None]]
) -> Iterator[tuple[bool, tuple[_Move, ...]]]:
    """For each text of a page: whether it is struck out, and how it is moved, the innermost move last.

    End tags are matched by name alone, so that it is of use for malformed pages too.
    """
    opened: dict[str, list[tuple[bool, _Move | None]]] = {tag.name: [] for tag in marking}
    lines, moves = 0, list[_Move]()
    yield False, ()
    for tag in markup.tags:
        if (of_name := opened.get(tag.name)) is not None:
            if not tag.closing and not _is_empty(tag):
                mark = marking.get(tag, (False, None))
                of_name.append(mark)
                lines += mark[0]
                moves += [mark[1]] if mark[1] else []
            elif tag.closing and of_name:
                struck, move = of_name.pop()
                lines -= struck
                if move:
                    del moves[-1 - moves[::-1].index(move)]
        yield lines > 0, tuple(moves[-_MOST_MOVED:])


def _marked(
    markup: Markup, marking: Mapping[Tag, tuple[bool, _Move | None]]
) -> Counter[tuple[str, bool, tuple[_Move, ...]]]:
    """The marked characters of a page and their marks: elements that are taken out cut words elsewhere."""
    found: Counter[tuple[str, bool, tuple[_Move, ...]]] = Counter()
    for text, (struck, moves) in zip(markup.texts, _marks(markup, marking), strict=True):
        if struck or moves:
            for word in unescape(text).split():
                found.update((character, struck, moves) for character in word)
    return found


def _sheet_strikes(received: str, before: Markup) -> bool:
    """Whether the page's own style sheet, which is taken out, may draw a line through words of the page."""
    rules = (rule.rpartition("{") for rule in _without_comments(received).split("}"))
    striking = (selector for selector, _, declarations in rules if strikes(declarations))
    named = {name for selector in striking for name in _CLASS_SELECTOR.findall(selector)} - STRIKING_CLASSES
    if not named:
        return False
    used = (attributes_of(tag.attributes).get("class", "").split() for tag in before.kinds if tag.attributes)
    return any(not named.isdisjoint(classes) for classes in used)


def _struck_picture(picture: Tag) -> Tag:
    words = attributes_of(picture.attributes).get("alt", "")
    if not words.strip():
        return picture
    return Tag(
        "img", closing=False, attributes=f' alt="{escape(STRUCK_OUT + words)}]"', stand_in=picture.stand_in
    )


def _moved(text: str, move: _Move) -> str:
    words = text.strip()
    characters = _CHARACTERS[move]
    if all(ord(each) in characters for each in words):
        return text.translate(characters)
    if not any(
        each.isalnum() or ord(each) in characters for each in words
    ):  # ®, *, † stand out by themselves
        return text
    return _around(text, before=f"{_SIGNS[move]}(", after=")")


def _around(text: str, *, before: str = "", after: str = "") -> str:
    """Put something next to the words of a text, inside the blanks around them."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    return f"{text[:start]}{before}{text[start:end]}{after}{text[end:]}"
