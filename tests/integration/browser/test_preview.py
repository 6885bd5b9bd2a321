"""The preview page in a real browser: what is on the screen, and what happens meanwhile (nothing)."""

from pathlib import Path

import pytest

from bridge.mapping.care_record import render_preview, style_sheet
from bridge.mapping.care_record.sanitise import Sanitised, sanitise
from bridge.record.sections import SECTIONS
from bridge.sandbox.care_record.operation import bundle
from bridge.sandbox.care_record.query import SectionQuery
from bridge.sandbox.scenarios import SCENARIOS
from tests.support.care_records import mapped
from tests.support.chromium import Observed, browser
from tests.support.html_reader import words
from tests.support.xss_vectors import VECTORS

ARTEFACTS = Path(__file__).parents[3] / ".artefacts"
USUAL = "rich_record"
NAMES = (USUAL, "html_absences", "html_malformed", "html_hostile")

# Text against what is painted behind it, by the formula of WCAG 2.2: the worst of the page.
WORST_CONTRAST = """
(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour[3] !== 0) throw new Error("half transparent");
    }
    return [255, 255, 255];
  };
  const ratio = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const edges = [...document.querySelectorAll(".gp-record [class$=banner], .gp-record td, .gp-record th, .notice")]
    .map((each) => ratio(numbers(getComputedStyle(each).borderLeftColor), ground(each.parentElement)));
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.data.trim()) continue;
    const holder = walker.currentNode.parentElement;
    texts.push(ratio(numbers(getComputedStyle(holder).color), ground(holder)));
  }
  return [Math.min(...texts), Math.min(...edges), texts.length, edges.length];
})()
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


def sections_of(name):
    """The ten sections of a sandbox patient."""
    scenario = next(each for each in SCENARIOS if each.name == name)
    return [
        mapped(
            bundle(scenario, SectionQuery(scenario.nhs_number, code)), code, nhs_number=scenario.nhs_number
        )
        for code in SECTIONS
    ]


def text_of(chromium, index):
    pages = f"document.querySelectorAll('.gp-record')[{index}].innerText"
    return chromium.evaluate(pages).split()


@pytest.mark.duty("HT-005", "HT-011", "HT-022", "HT-023")
@pytest.mark.parametrize("name", NAMES)
def test_the_screen_shows_the_words_of_the_events_and_the_page_does_nothing(chromium, tmp_path, name):
    sections = sections_of(name)
    page = tmp_path / "preview.html"
    page.write_text(render_preview(sections[::-1]), encoding="utf-8")
    chromium.open(page)
    assert chromium.observed == Observed()
    chromium.screenshot(ARTEFACTS / f"preview-{name}.png")
    shown = [each for each in sections if each["state"] != "failed"]
    titles = chromium.evaluate(
        "[...document.querySelectorAll('section > dl > dd:first-of-type')].map(e => e.innerText)"
    )
    assert titles == [section["title"] for section in sections]
    for index, section in enumerate(shown):
        seen = text_of(chromium, index)
        assert seen == words(section["html"])
        cells = {
            text
            for part in section["subsections"]
            for table in part["tables"]
            for row in table["rows"]
            for text in row["cells"].values()
        }
        assert {word for cell in cells for word in cell.split()} <= set(seen)
    page_text = chromium.evaluate("document.body.innerText")
    for section in shown:
        for banner in section["banners"]:
            assert " ".join(banner["text"].split()) in " ".join(page_text.split())


@pytest.mark.duty("HT-005")
def test_it_fits_the_smallest_screen_and_prints_every_word(chromium, tmp_path):
    page = tmp_path / "preview.html"
    page.write_text(render_preview(sections_of(USUAL)), encoding="utf-8")
    chromium.open(page)
    width, needed = chromium.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert needed <= width == 1024
    on_screen = chromium.evaluate("document.body.innerText").split()
    chromium.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert chromium.evaluate("document.body.innerText").split() == on_screen
    finally:
        chromium.call("Emulation.setEmulatedMedia", media="screen")


@pytest.mark.duty("HT-024")
@pytest.mark.parametrize("media", ["screen", "print"])
def test_contrast_keeps_to_wcag_aa(chromium, tmp_path, media):
    classes = (
        "gptransfer-banner content-banner date-banner exclusion-banner date-column med-item-column bold italics "
        "underline strikethrough left right center justify border-left border-top arabic little-roman disc unlist"
    )
    every_class = "".join(f'<div class="{each}">words</div>' for each in classes.split())
    markup = f'<div class="gp-record">{every_class}<a>link</a></div>'
    page = tmp_path / "preview.html"
    page.write_text(
        render_preview(sections_of("html_absences")).replace("<main>", f"<main>{markup}"), encoding="utf-8"
    )
    chromium.open(page)
    chromium.call("Emulation.setEmulatedMedia", media=media)
    try:
        text, edge, texts, edges = chromium.evaluate(WORST_CONTRAST)
    finally:
        chromium.call("Emulation.setEmulatedMedia", media="screen")
    assert texts > 100
    assert edges > 10
    assert text >= 4.5
    assert edge >= 3.0


def test_the_classes_of_the_fhir_narrative_are_drawn(chromium, tmp_path):
    page = tmp_path / "page.html"
    body = '<span class="strikethrough">a</span><span class="bold">b</span><ul class="unlist"><li>c</li></ul>'
    page.write_text(f'<style>{style_sheet()}</style><div class="gp-record">{body}</div>')
    chromium.open(page)
    drawn = chromium.evaluate(
        "[getComputedStyle(document.querySelector('.strikethrough')).textDecorationLine,"
        " getComputedStyle(document.querySelector('.bold')).fontWeight,"
        " getComputedStyle(document.querySelector('.unlist')).listStyleType]"
    )
    assert drawn == ["line-through", "700", "none"]


def test_no_way_past_filters_works_even_without_the_policy_of_the_page(chromium, tmp_path):
    results = [sanitise(vector) for vector in VECTORS]
    safe = "\n".join(each.html for each in results if isinstance(each, Sanitised))
    page = tmp_path / "vectors.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{safe}", encoding="utf-8")
    chromium.open(page)
    chromium.evaluate("document.querySelectorAll('*').forEach((each) => { each.focus(); each.click(); })")
    assert chromium.observed == Observed()


def test_the_same_page_as_it_was_sent_would_have_been_noticed(chromium, tmp_path):
    page = tmp_path / "unsafe.html"
    page.write_text(
        "<!DOCTYPE html><script>console.error('x'); alert('hit')</script><img src=http://127.0.0.1:9/pixel.png>"
    )
    chromium.open(page)
    assert chromium.observed.requests == ["http://127.0.0.1:9/pixel.png"]
    assert chromium.observed.dialogs == ["hit"]
    assert len(chromium.observed.complaints) >= 1


def test_the_policy_of_the_page_holds_alone(chromium, tmp_path):
    page = tmp_path / "policy.html"
    attack = "<script>alert('hit')</script><img src=http://127.0.0.1:9/pixel.png onerror=alert('hit')>"
    page.write_text(render_preview(sections_of(USUAL)).replace("<main>", f"<main>{attack}"), encoding="utf-8")
    chromium.open(page)
    assert chromium.observed.dialogs == []
    assert chromium.observed.blocked == ["csp"]
    assert any("Content Security Policy" in each for each in chromium.observed.complaints)
