"""The page of each corpus file shows every item of its record once, and nothing else as one."""

import pytest

from bridge.areas.record_page import Events, render
from bridge.areas.record_page.words import COURSE_STATES
from tests.contract.corpus.test_agreement import CORPUS, files, mapped
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


@pytest.mark.parametrize("name", files("bundle"))
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
