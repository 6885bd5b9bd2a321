"""Pages of the pack: one frame, every value escaped, nothing from elsewhere; tables are CSV files too."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    select_autoescape,
)

from bridge.assurance.words import as_html

_SPREADSHEET_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class PackOrigin(Protocol):
    """What every page says of where it comes from."""

    @property
    def version(self) -> str:
        """Of the product."""

    @property
    def commit(self) -> str | None:
        """Of the source tree; None where there is none."""

    @property
    def written_at(self) -> datetime:
        """When the pack was written."""


class Pages:
    """Writes pages from the templates of a folder, and of this package.

    A template of a page extends ``base.html`` and fills the blocks ``title`` and ``content``.
    """

    def __init__(self, templates: Path | None = None) -> None:
        """`templates`: a folder of more of them."""
        self._templates = Environment(
            loader=ChoiceLoader(
                [*([FileSystemLoader(templates)] if templates else []), PackageLoader("bridge.assurance")]
            ),
            autoescape=select_autoescape(["html", "svg"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._templates.filters["moment"] = moment

    def page(self, file: Path, template: str, origin: PackOrigin, **values: Any) -> None:
        """Write one HTML page.

        Args:
            file: where; its folder is made. A page in a folder of the pack says ``up="../"``.
            template: its name.
            origin: the facts of the pack.
            values: for the template.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        values.setdefault("up", "")
        text = self._templates.get_template(template).render(origin=origin, **values)
        file.write_text(text, encoding="utf-8")

    def document(self, file: Path, template: str, origin: PackOrigin, *, title: str, **values: Any) -> None:
        """Write a document in Markdown, to be changed by who takes it on, and beside it the same as a page.

        Args:
            file: ``….md``; the page is ``….html``.
            template: of the Markdown, in which nothing is escaped: it holds nothing of a patient's record.
            origin: the facts of the pack.
            title: of the page.
            values: for the template.
        """
        text = self._templates.get_template(template).render(origin=origin, **values)
        file.write_text(text, encoding="utf-8")
        words = as_html(text)
        self.page(
            file.with_suffix(".html"), "document.html", origin, title=title, words=words, source=file.name
        )


def write_csv(file: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table as a CSV file (UTF-8, as spreadsheets read it); no cell is taken for a formula."""
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(head)
        writer.writerows([_cell(value) for value in row] for row in rows)


def moment(value: datetime) -> str:
    """A moment in UTC, as everywhere in the product."""
    return value.astimezone(UTC).strftime("%d-%b-%Y %H:%M UTC")


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(_SPREADSHEET_FORMULA) else value
