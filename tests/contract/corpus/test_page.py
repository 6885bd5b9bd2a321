"""The page of each corpus file shows every item of its record once, and nothing else as one."""

from typing import Any, cast

import pytest

from bridge.areas import AREAS
from bridge.areas.investigations.model import InvestigationReport
from bridge.areas.record_page import Events, render
from bridge.areas.record_page.words import AREAS as AREA_NAMES
from bridge.areas.record_page.words import COURSE_STATES
from tests.support.corpus import CORPUS, mapped, some
from tests.support.record_pages import markup, of_class, section, seen

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")


def names(html: str, group: str, tag: str) -> list[str]:
    """The headings of the items of a group."""
    found = [each for each in of_class(html, "group") if group in (each.get("class") or "").split()]
    return [
        seen(f"<body>{markup(next(each for each in item.iter(tag)))}")
        for one in found
        for item in of_class(markup(one), "item")
    ]


@pytest.mark.parametrize("name", some("bundle"))
def test_every_item_stands_once_and_where_its_state_belongs(name: str) -> None:
    record = mapped(name)
    events = Events()
    events.add_record(record)
    page = render(events)
    if record["demographics"]["verdict"] == "reject":
        assert not list(of_class(page, "item"))
        assert "nothing may be used, and nothing is shown" in seen(page)
        return
    medications, allergies = section(page, "medications"), section(page, "allergies")
    for state, shown in COURSE_STATES.items():
        terms = sorted(
            " ".join(each["medication"]["term"].split())
            for each in record["medications"]
            if each["course_state"]["state"] == state
        )
        found = sorted(names(medications, state, "h5"))
        assert all(each.endswith(f"({shown})") for each in found)
        assert len(found) == len(terms)
        assert all(each.startswith(term) for each, term in zip(found, terms, strict=True))
    resolved = [each for each in record["allergies"] if each["clinical_status"] == "resolved"]
    assert len(names(allergies, "ended", "p")) == len(resolved)
    assert len(list(of_class(allergies, "item"))) == len(record["allergies"])
    assert len(list(of_class(medications, "item"))) == len(record["medications"])
    issues = sum(
        len(each["plan"]["issues"]) if "plan" in each else 0 for each in record["medications"]
    ) + sum("issue_without_plan" in each for each in record["medications"])
    assert len(list(of_class(medications, "issue"))) == issues
    completeness = section(page, "completeness")
    assert len(list(of_class(completeness, "unmapped"))) == len(record["unmapped"])
    assert {issue["message"] for issue in record["issues"]} <= {
        next(each.itertext()) for row in of_class(completeness, "warning") for each in row.iter("th")
    }
    words = seen(page)
    for part in (*record["allergies"], *record["medications"]):
        for note in part["notes"]:
            assert " ".join(note["text"].split()) in words


def _rows(report: InvestigationReport) -> int:
    """Those of one report, itself included: its groups and every result."""
    groups = report["groups"]
    return 1 + len(groups) + sum(len(each["results"]) for each in groups) + len(report["results"])


@pytest.mark.parametrize("name", some("bundle"))
def test_every_item_of_every_other_area_stands_once_in_the_section_of_its_area(name: str) -> None:
    record = mapped(name)
    events = Events()
    events.add_record(record)
    page = render(events)
    if record["demographics"]["verdict"] == "reject":
        return
    held = cast("dict[str, list[Any]]", record)
    for area in AREAS.areas:
        items = held.get(area.name, [])
        if not items or area.name in ("medications", "allergies"):
            continue
        shown = len(list(of_class(section(page, AREA_NAMES[area.name].split()[0].lower()), "item")))
        assert shown == (sum(map(_rows, items)) if area.name == "investigations" else len(items)), area.name
