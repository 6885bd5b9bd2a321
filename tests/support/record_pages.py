"""Pages of a structured record: made of a mapped record, and read as a reader sees them."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, tostring

from bridge.areas import GpRecord
from bridge.areas.allergies.events import allergies_published
from bridge.areas.events import record_completed
from bridge.areas.medications.events import medications_published
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.record_page import Events, render
from tests.support.html_reader import parsed, words

SECTIONS = ("allergies", "medications", "completeness")


def events(record: GpRecord, **options: Any) -> Events:
    """What would be published of a record."""
    parts = [medications_published(record, MedicationOptions(**options)), allergies_published(record)]
    manifest = record_completed(record, parts, request_id="request-1")
    made = Events()
    made.medications.append(parts[0].data)  # type: ignore[arg-type]  # the data of this very event
    made.allergies.append(parts[1].data)  # type: ignore[arg-type]  # likewise
    made.completed.append(manifest.data)  # type: ignore[arg-type]  # likewise
    return made


def page(record: GpRecord) -> str:
    return render(events(record))


def seen(html: str) -> str:
    """The words of a page, or of a part of one."""
    return " ".join(words(html))


def of_class(html: str, name: str) -> Iterator[Element]:
    """Elements that have a class."""
    yield from (each for each in parsed(html).iter() if name in (each.get("class") or "").split())


def section(html: str, name: str, number: int = 1) -> str:
    """One of `SECTIONS` of a record, as markup."""
    return next(
        markup(each)
        for each in parsed(html).iter("section")
        if each.get("aria-labelledby") == f"record-{number}-{name}"
    )


def group(html: str, name: str) -> str:
    """The words of the items of one state."""
    return " ".join(
        seen(markup(each)) for each in of_class(html, name) if "group" in (each.get("class") or "")
    )


def alerts(html: str) -> list[str]:
    return [seen(markup(each)) for each in of_class(html, "alert")]


def markup(element: Element) -> str:
    return tostring(element, encoding="unicode", method="html")
