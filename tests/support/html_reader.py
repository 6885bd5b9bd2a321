"""A second opinion on HTML: html5lib parses as browsers do, and shares nothing with the sanitiser."""

from collections.abc import Iterator
from functools import lru_cache
from xml.etree.ElementTree import Element

import html5lib

APART = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "button",
        "caption",
        "center",
        "col",
        "colgroup",
        "dd",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "embed",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "frameset",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "iframe",
        "img",
        "input",
        "legend",
        "li",
        "link",
        "listing",
        "main",
        "marquee",
        "math",
        "menu",
        "meter",
        "nav",
        "noframes",
        "object",
        "ol",
        "optgroup",
        "option",
        "p",
        "plaintext",
        "pre",
        "progress",
        "section",
        "select",
        "summary",
        "svg",
        "table",
        "tbody",
        "td",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "video",
        "audio",
        "xmp",
    ]
)
NEVER_SEEN = frozenset({"script", "style", "title", "template"})


@lru_cache(maxsize=8)
def parsed(html: str) -> Element:
    """The document, to be looked at only: whoever reads the same page again gets the same one."""
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
    name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "title"  # a comment
    if name in NEVER_SEEN:
        return
    apart = " " if name in APART else ""
    yield apart
    if name == "img":
        yield element.get("alt") or ""
    yield element.text or ""
    for inner in element:
        yield from _text(inner)
        yield inner.tail or ""
    yield apart
