"""Immunisations: those given, as VXU^V04, where the list is whole; else a report in words.

A vaccination that was not given is in no RXA: a reader that does not look at RXA-20 would take it for given,
and it says nothing of other days (CS-098). Where of one it cannot be told whether, or when, it was given, the
whole area is a report: the list of those given would not be whole. So it is where one was sent as given, but
not as completed: RXA-20 says of each that it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bridge.areas.immunisations.events import ImmunisationsPublished
from bridge.areas.immunisations.model import Immunisation
from bridge.areas.record_page.immunisations import immunisation_lines
from bridge.areas.record_page.provenance import LinkedProblems, by_ref
from bridge.hl7v2 import ComponentValue, Segment
from bridge.renderings.hl7v2.coded import coded, date_of
from bridge.renderings.hl7v2.lengths import fitting
from bridge.renderings.hl7v2.message import Content
from bridge.renderings.hl7v2.report import Remark, header_said, is_whole, observations, report

_UNKNOWN: Final = "999"
"""RXA-2 and RXA-6 must be there: which dose it is, or how much, is not known."""
_COMPLETE: Final = "CP"


def content(data: ImmunisationsPublished) -> Content:
    """What is told of the immunisations of an answer."""
    problems = by_ref(data["linked_problems"])
    head = header_said(data, data["area"], data["unmapped"])
    whole = is_whole(data["area"], besides=("include_not_given", "include_statuses"))
    given = [item for item in data["items"] if item.get("given") is True]
    can_be_told = all("given" in item for item in data["items"]) and all(
        "unknown_status" not in item["issue_codes"] and date_of(item.get("date")) for item in given
    )
    if whole and given and can_be_told:
        segments = [
            segment
            for number, item in enumerate(given, 1)
            for segment in _given(number, item, head if number == 1 else [], problems)
        ]
        return Content(("VXU", "V04", "VXU_V04"), segments)
    items = [
        Remark("ITEM", immunisation_lines(item, problems), str(n)) for n, item in enumerate(data["items"], 1)
    ]
    title = "Immunisations of the GP record"
    return report("IMMUNISATIONS", title, data, [*head, *items], is_whole=whole)


def _given(
    number: int, item: Immunisation, head: list[Remark], problems: LinkedProblems
) -> Iterator[Segment]:
    """One vaccination; before the words of the first stands what is said of all."""
    day = date_of(item.get("date"))
    procedure = coded(item["procedure"])
    product = coded(item["vaccine"]) if "vaccine" in item else ()
    amount, units = _dose(item)
    yield Segment(
        "RXA",
        {
            1: "0",
            2: str(item.get("dose_number", _UNKNOWN)),
            3: day,
            4: day,
            5: (*procedure, *[""] * (3 - len(procedure)), *product),
            6: amount,
            7: units,
            15: fitting("RXA-15", item.get("batch", "")),
            16: date_of(item.get("expires")),
            17: ("", fitting("RXA-17", _name(item.get("manufacturer", {})))),
            20: _COMPLETE,
        },
    )
    if "route" in item:
        yield Segment("RXR", {1: coded(item["route"]), 2: coded(item["site"]) if "site" in item else ""})
    yield from observations([*head, Remark("ITEM", immunisation_lines(item, problems), str(number))])


def _name(maker: Mapping[str, Any]) -> str:
    return str(maker.get("organisation_name") or maker.get("name", ""))


def _dose(item: Immunisation) -> tuple[str, tuple[ComponentValue, ...]]:
    """RXA-6 and RXA-7: a number that stands for itself alone, with its unit."""
    dose = item.get("dose", {})
    if "value" not in dose or "comparator" in dose:
        return _UNKNOWN, ()
    return dose.get("value_as_sent") or f"{dose['value']:.15g}", ("", dose.get("unit", ""))
