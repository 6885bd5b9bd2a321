"""Markdown as HTML of the pack: headings can be linked to, and tables can be read on a phone.

No link leads to a file that is not in the pack.
"""

import logging
import re
from collections.abc import Collection, Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

logging.getLogger("markdown_it").setLevel(logging.INFO)  # below that it tells of every line and rule

_READER: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
"""HTML inside of Markdown is shown, not taken as such."""
_TO_LEAVE: Final = re.compile(r"[^\w\- ]")


def as_html(text: str, *, deeper: int = 0) -> str:
    """Markdown as HTML.

    Args:
        text: the Markdown.
        deeper: levels that its headings move down by, where the page has a heading of its own above them.
    """
    tokens = _READER.parse(text)
    places = {
        f"#{slug(_plain(tokens[at + 1]))}" for at, token in enumerate(tokens) if token.type == "heading_open"
    }
    labels: list[str] = []
    column = 0
    for at, token in enumerate(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + deeper, 6)}"
        if token.type == "heading_open":
            token.attrSet("id", slug(_plain(tokens[at + 1])))
        elif token.type == "thead_open":
            labels = []
        elif token.type == "th_open":
            labels.append(_plain(tokens[at + 1]))
            token.attrSet("scope", "col")
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":
            token.attrSet("data-label", labels[column])
            column += 1
        elif token.type == "inline" and token.children is not None:
            token.children = _within(token.children, places)
    return str(_READER.renderer.render(tokens, _READER.options, {}))


def slug(heading: str) -> str:
    """How a heading is linked to: as forges do it."""
    return _TO_LEAVE.sub("", heading.lower()).replace(" ", "-")


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def _within(children: Sequence[Token], places: Collection[str]) -> list[Token]:
    """Without links to what is not on this page, nor an address of the web; their words stay."""
    kept: list[Token] = []
    is_left_out = False
    for child in children:
        if child.type == "link_open":
            leads_to = str(child.attrGet("href"))
            is_left_out = leads_to not in places and not leads_to.startswith("https://")
        if not (is_left_out and child.type in ("link_open", "link_close")):
            kept.append(child)
        if child.type == "link_close":
            is_left_out = False
    return kept
