"""Pages to look at with nothing but a browser: their frame, and the few elements that they are made of.

A page stands alone. Its content security policy forbids scripts and every request. Whatever is shown goes
through `text`, which escapes it; `Html` is what went through, so that the type checker sees what did not.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Final, NewType
from zoneinfo import ZoneInfo

from bridge.record import PartialDate

Html = NewType("Html", str)
"""Markup of this page, or text that was escaped."""
Fact = tuple[str, str | Sequence[str] | None]
"""A name, and its values, of which there may be several."""

_LONDON: Final = ZoneInfo("Europe/London")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def text(value: str) -> Html:
    """Words as they are, whatever they hold."""
    return Html(escape(value))


def joined(parts: Iterable[Html]) -> Html:
    """One part after the other."""
    return Html("".join(parts))


def element(tag: str, *content: Html, **attributes: str) -> Html:
    """One element; an attribute is written as in Python: `class_`, `aria_label`."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items()
    )
    return Html(f"<{tag}{written}>{''.join(content)}</{tag}>")


def notice(*lines: str, alert: bool) -> Html:
    """What must be read; an alert is drawn so that it is."""
    return element(
        "div",
        *(element("p", text(line)) for line in lines),
        class_="notice alert" if alert else "notice",
    )


def facts(pairs: Iterable[Fact]) -> Html:
    """Names with their values; a name without any is left out."""
    return element(
        "dl",
        *(
            joined([element("dt", text(name)), *(element("dd", text(line)) for line in values)])
            for name, values in _stated(pairs)
        ),
    )


def flat(pairs: Iterable[Fact]) -> list[str]:
    """The same in lines of text, each with its name."""
    return [f"{name}: {value}" for name, values in _stated(pairs) for value in values]


def _stated(pairs: Iterable[Fact]) -> Iterator[tuple[str, list[str]]]:
    for name, said in pairs:
        if isinstance(said, str):
            if said:
                yield name, [said]
        elif said and (values := [value for value in said if value]):
            yield name, values


def lines(values: Iterable[str]) -> Html:
    """Paragraphs, for the cell of a table."""
    return joined(element("p", text(value)) for value in values)


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[Html]], *, row: str = "row") -> Html:
    """A table whose first column names its rows.

    Args:
        caption: what it is about.
        headings: of its columns.
        rows: the cells.
        row: class of the rows.
    """
    body = joined(
        element(
            "tr",
            element("th", cells[0], scope="row"),
            *(element("td", cell) for cell in cells[1:]),
            class_=row,
        )
        for cells in rows
    )
    head = element("tr", *(element("th", text(heading), scope="col") for heading in headings))
    return element(
        "table",
        element("caption", text(caption)),
        element("thead", head),
        element("tbody", body),
    )


@cache
def style(*sheets: str) -> str:
    """The style of a page: that of every page, after the sheets of its content."""
    return "".join(sheets) + (files(__package__) / "page.css").read_text(encoding="utf-8")


def frame(*, title: str, header: Html, main: Html, style: str, style_attributes: bool = False) -> str:
    """A whole page.

    Args:
        title: of the window, and so of histories and lists of files: nothing of a patient.
        header: who and what.
        main: the content.
        style: the only one that is allowed.
        style_attributes: whether elements may have a style of their own.
    """
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    attributes = " style-src-attr 'unsafe-inline';" if style_attributes else ""
    policy = (
        f"default-src 'none'; style-src-elem 'sha256-{digest}';{attributes} "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header>{header}</header>\n<main>\n{main}\n</main>\n</body>\n</html>\n"
    )


def spaced(nhs_number: str) -> str:
    """An NHS number as people read it."""
    return f"{nhs_number[:3]} {nhs_number[3:6]} {nhs_number[6:]}".strip()


def day(value: str | None) -> str | None:
    """A whole FHIR date as `dd-Mmm-yyyy`, as the common user interface writes dates (HT-025)."""
    try:
        return _day(date.fromisoformat(value)) if value else None
    except ValueError:
        return value


def moment(value: str | None) -> str | None:
    """A moment by the clocks of the practice, `dd-Mmm-yyyy hh:mm BST`; what names no moment as it is."""
    try:
        read = datetime.fromisoformat(value) if value else None
    except ValueError:
        return value
    if read is None or read.tzinfo is None:
        return value
    local = read.astimezone(_LONDON)
    return f"{_day(local)} {local.hour:02}:{local.minute:02} {local.tzname()}"


def _day(of: date) -> str:
    # A record has a thousand dates, and `strftime` costs five times as much.
    return f"{of.day:02}-{_MONTHS[of.month - 1]}-{of.year}"


def when(sent: PartialDate | None) -> str | None:
    """A date with the precision it has, and in words what is none."""
    if sent is None:
        return None
    value = sent["value"]
    if sent["precision"] == "unparsed":
        return f"“{value}” (cannot be read as a date)"
    if sent["precision"] == "placeholder":
        return f"not known (sent as {value})"
    if sent["precision"] == "month":
        return (day(f"{value}-01") or value)[3:]
    return moment(value) if sent["precision"] == "instant" else day(value) if "-" in value else value
