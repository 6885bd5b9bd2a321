"""The repository's Markdown as the builder of the site reads it, and its links as links of the site.

The repository's viewers read GitHub's Markdown, where a list may follow a paragraph at once and what belongs to
a numbered item is indented by three blanks; Python-Markdown wants a blank line and four.
"""

import re
from collections.abc import Callable
from posixpath import dirname, normpath, relpath
from typing import Final

from tests.site.sources import FENCED

LINK: Final = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\])\(([^)\s]+)\)")
_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_ITEM: Final = re.compile(r"(?:[-*]|\d+\.) ")
_CODE: Final = re.compile(r"(`+)(.+?)\1", re.DOTALL)


def _pieces(text: str, change: Callable[[str], str]) -> str:
    done, last = [], 0
    for block in FENCED.finditer(text):
        done += [change(text[last : block.start()]), block[0]]
        last = block.end()
    return "".join([*done, change(text[last:])])


def with_links(text: str, target: Callable[[str], str | None]) -> str:
    """Replace the targets of links; a link without a target is left as its words."""

    def link(found: re.Match[str]) -> str:
        to = target(found[2])
        return f"{found[1]}({to})" if to is not None else found[1].lstrip("!")[1:-1]

    def outside_spans(piece: str) -> str:
        # A span of code may look like a link; the words of a link may be one.
        spans: list[str] = []

        def keep(found: re.Match[str]) -> str:
            spans.append(found[0])
            return f"\0{len(spans) - 1}\0"

        linked = LINK.sub(link, _CODE.sub(keep, piece))
        return re.sub("\0(\\d+)\0", lambda found: spans[int(found[1])], linked)

    return _pieces(text, outside_spans)


def for_builder(text: str) -> str:
    """The same page in the dialect of the builder."""
    return _pieces(text, _dialect)


def _dialect(piece: str) -> str:
    lines: list[str] = []
    is_numbered = False
    before = ""
    for line in _COMMENT.sub("", piece).split("\n"):
        begins = _ITEM.match(line)
        if line and not line.startswith(" "):
            is_numbered = line[0].isdigit() and begins is not None
        starts_table = line.startswith("|") and not before.startswith("|")
        starts_list = begins is not None and not _ITEM.match(before) and not before.startswith(" ")
        if before and (starts_table or starts_list) and not before.startswith("#"):
            lines.append("")
        inside = is_numbered and line.startswith("   ")
        is_row = line.startswith("|")
        said = _CODE.sub(lambda span: span[0].replace("\\|", "|"), line) if is_row else line
        lines.append(f" {said}" if inside else said)
        before = line
    return "\n".join(lines)


def between(page: str, other: str) -> str:
    """The link from one page or file of the site to another."""
    return relpath(other, dirname(page) or ".")


def beside(file: str, link: str) -> str:
    """What a link of a file of the repository leads to, from its root."""
    return normpath(f"{dirname(file)}/{link}" if dirname(file) else link)
