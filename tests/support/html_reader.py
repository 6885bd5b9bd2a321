"""A second opinion on HTML: html5lib parses as browsers do, and shares nothing with the sanitiser."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib

RUN_ON = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "i",
        "ins",
        "kbd",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
    ]
)
NEVER_SEEN = frozenset({"script", "style", "title", "template"})


def parsed(html: str) -> Element:
    document: Element = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    return document


def elements(html: str) -> Iterator[Element]:
    """Every element inside the body."""
    body = parsed(html).find("body")
    assert body is not None
    yield from (each for each in body.iter() if each is not body and isinstance(each.tag, str))


def words(html: str) -> list[str]:
    """The words that a reader of the page sees."""
    return "".join(_text(parsed(html))).split()


def _text(element: Element) -> Iterator[str]:
    if isinstance(element.tag, str) and element.tag not in NEVER_SEEN:
        apart = "" if element.tag in RUN_ON else " "
        yield apart
        if element.tag == "img":
            yield element.get("alt") or ""
        yield element.text or ""
        for inner in element:
            yield from _text(inner)
            yield inner.tail or ""
        yield apart
