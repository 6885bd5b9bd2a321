"""The page of a structured record in a real browser: what assistive technology and a printer make of it."""

from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.areas import AREAS
from bridge.areas.record_page import Events, render
from bridge.areas.record_page.words import AREAS as AREA_NAMES
from tests.integration.browser.test_preview import ARTEFACTS, WORST_CONTRAST
from tests.support import bundles as b
from tests.support.chromium import Browser, Observed, browser
from tests.support.html_reader import words
from tests.support.mapped import mapped
from tests.support.record_pages import page
from tests.support.whole_record import whole_record


def everything() -> Any:
    """A current and an ended medication, an active, a degraded and an ended allergy, and warnings."""
    ended = {"status": "stopped", "effectivePeriod": {"start": "2024-01-05", "end": "2024-02-05"}}
    degraded = b.concept("196461000000101", "Transfer-degraded drug allergy", text="Septrin")
    return mapped(
        b.record(
            b.record_list(
                b.MEDICATIONS_LIST,
                "MedicationStatement/s1",
                "MedicationStatement/s2",
                warnings=("data-in-transit",),
            ),
            b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1", "AllergyIntolerance/a2"),
            b.ended_list(b.ended_allergy(code=b.concept("91935009", "Allergy to peanut"))),
            b.medication(),
            b.medication("m2", code=b.concept("42104211000001105", "Ramipril 5mg capsules")),
            b.statement(),
            b.plan(),
            b.order(),
            b.statement("s2", "plan2", medicationReference=b.reference("Medication/m2"), **ended),
            b.plan("plan2", status="stopped", medicationReference=b.reference("Medication/m2")),
            b.allergy(),
            b.allergy("a2", code=degraded),
        )
    )


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Browser:
    file = tmp_path / "record.html"
    file.write_text(page(everything()), encoding="utf-8")
    chromium.open(file)
    return chromium


class Tree:
    """The accessibility tree: what a screen reader is given."""

    def __init__(self, chromium: Browser) -> None:
        nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
        self._nodes = {node["nodeId"]: node for node in nodes}

    def named(self, role: str) -> list[tuple[str, str]]:
        """The nodes of a role: id and name."""
        return [
            (key, node.get("name", {}).get("value", ""))
            for key, node in self._nodes.items()
            if not node["ignored"] and node["role"]["value"] == role
        ]

    def below(self, key: str, role: str) -> list[str]:
        """The names of the nodes of a role anywhere below another."""
        found: list[str] = []
        for child in self._nodes[key].get("childIds", []):
            node = self._nodes[child]
            if not node["ignored"] and node["role"]["value"] == role:
                found.append(" ".join(node.get("name", {}).get("value", "").split()))
            found += self.below(child, role)
        return found


def test_assistive_technology_finds_landmarks_headings_and_tables(opened):
    assert opened.observed == Observed()
    opened.screenshot(ARTEFACTS / "preview-structured.png")
    tree = Tree(opened)
    assert len(tree.named("banner")) == len(tree.named("main")) == 1
    assert [name for _, name in tree.named("region")] == [
        "Allergies and intolerances",
        "Medications and devices",
        "Completeness and warnings",
    ]
    headings = [name for _, name in tree.named("heading")]
    assert headings[:3] == [
        "GP practice record, retrieved through GP Connect",
        "Patient with NHS number 999 000 0018",
        "Allergies and intolerances",
    ]
    levels = opened.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(e => +e.tagName[1])")
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert opened.evaluate("document.documentElement.lang") == "en-GB"


@pytest.mark.duty("CS-084", "CS-085")
def test_an_ended_item_stands_in_the_ended_part_alone(opened):
    tree = Tree(opened)
    tables = {name: tree.below(key, "rowheader") for key, name in tree.named("table")}
    (ended,) = tables["Ended allergies: not active"]
    assert ended.startswith("Allergy to peanut (ended)")
    active = tables["Active allergies and intolerances"]
    assert [name.partition(" (active)")[0] for name in active] == [
        "Allergy to penicillin",
        "Septrin (coded as: Transfer-degraded drug allergy)",
    ]
    columns = {name: tree.below(key, "columnheader") for key, name in tree.named("table")}
    assert columns["Ended allergies: not active"][0] == "Allergy or intolerance"
    part = "document.querySelector('section[aria-labelledby$=medications] .group.{}').innerText"
    assert "Ramipril 5mg capsules (ended)" in opened.evaluate(part.format("ended"))
    assert "Ramipril" not in opened.evaluate(part.format("current"))
    assert "Amoxicillin 250mg capsules (current)" in opened.evaluate(part.format("current"))
    notices = opened.evaluate("[...document.querySelectorAll('.alert')].map(e => e.innerText)")
    assert [text for text in notices if text.startswith("Prescribing must be prevented")]


def test_it_fits_the_smallest_screen_and_prints_every_word(opened):
    width, needed = opened.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert needed <= width == 1024
    on_screen = opened.evaluate("document.body.innerText").split()
    opened.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert opened.evaluate("document.body.innerText").split() == on_screen
    finally:
        opened.call("Emulation.setEmulatedMedia", media="screen")
    assert on_screen == words(page(everything()))


@pytest.mark.duty("HT-024")
@pytest.mark.parametrize("media", ["screen", "print"])
def test_contrast_keeps_to_wcag_aa(opened, media):
    opened.call("Emulation.setEmulatedMedia", media=media)
    try:
        text, edge, texts, edges = opened.evaluate(WORST_CONTRAST)
    finally:
        opened.call("Emulation.setEmulatedMedia", media="screen")
    assert texts > 100
    assert edges >= 5
    assert text >= 4.5
    assert edge >= 3.0


def test_every_area_of_a_whole_record_keeps_to_the_same(chromium, tmp_path):
    asked: dict[str, Any] = {area.name: {} for area in AREAS.areas if area.options is not None}
    events = Events()
    events.add_record(mapped(whole_record(), areas=asked))
    file = tmp_path / "whole.html"
    file.write_text(render(events), encoding="utf-8")
    chromium.open(file)
    assert chromium.observed == Observed()
    levels = chromium.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(e => +e.tagName[1])")
    assert all(after <= before + 1 for before, after in pairwise(levels))
    regions = [name for _, name in Tree(chromium).named("region")]
    assert {AREA_NAMES[each["area"]["area"]] for each in chain(*events.areas.values())} <= {*regions}
    for part in ("problems", "referrals"):
        rows = f"document.querySelectorAll('section[aria-labelledby$={part}] tr.item').length"
        assert chromium.evaluate(rows) >= 1
    assert "Coughing for a week.\nNo fever." in chromium.evaluate("document.body.innerText")
    width, needed = chromium.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert needed <= width
    text, edge, *_ = chromium.evaluate(WORST_CONTRAST)
    assert text >= 4.5
    assert edge >= 3.0


def test_the_policy_of_the_page_holds_alone(chromium, tmp_path):
    file = tmp_path / "policy.html"
    attack = "<script>alert('hit')</script><img src=http://127.0.0.1:9/pixel.png onerror=alert('hit')>"
    file.write_text(page(everything()).replace("<main>", f"<main>{attack}"), encoding="utf-8")
    chromium.open(file)
    assert chromium.observed.dialogs == []
    assert chromium.observed.blocked == ["csp"]
