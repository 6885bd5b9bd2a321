"""Tables and words of the pages that are made from the code, as HTML: the builder leaves them as they are."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_SPAN: Final = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|\[(?P<text>[^\]]+)\]\((?P<to>[^)]+)\)", re.DOTALL
)
_ADDRESS: Final = re.compile(r"[^a-z0-9]+")


def words(text: str) -> str:
    """Words of a docstring, or of a cell, in a line: code stands between backticks, and links are Markdown's."""
    done, last = [], 0
    text = " ".join(text.split())
    for span in _SPAN.finditer(text):
        done.append(escape(text[last : span.start()]))
        done.append(
            code(span["code"]) if span["code"] else f'<a href="{span["to"]}">{words(span["text"])}</a>'
        )
        last = span.end()
    return "".join([*done, escape(text[last:])])


def code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def address(name: str) -> str:
    """What a row or a heading is called in a link."""
    return _ADDRESS.sub("-", name.lower()).strip("-")


def row(cells: Sequence[str], *, anchor: str = "") -> str:
    """One row: its first cell names it, and is what a link leads to."""
    first, *others = cells
    at = f' id="{anchor}"' if anchor else ""
    return f'<tr><th scope="row"{at}>{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'


def table(caption: str, headings: Iterable[str], rows: Iterable[str]) -> str:
    """A table; its cells are HTML."""
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    return (
        f'\n<table class="made"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>\n"
    )


def block(text: str, language: str) -> str:
    """Code as it stands, which no search looks into: it is neither Markdown nor coloured by the builder."""
    # Python-Markdown ends a block of HTML at an empty line, unless it is in a `pre`.
    return f'<pre class="code {language}" data-search-exclude><code>{escape(text.rstrip())}</code></pre>\n'
