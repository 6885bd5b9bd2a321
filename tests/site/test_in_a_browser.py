"""Every page of the site in Chromium: accessible (axe), none wider than the window, nothing from elsewhere, and its search.

Not part of the gate: ``make site-check`` runs it (``SITE=whole``). It writes a picture of each page, wide and narrow, to
``.site-pictures`` when ``SITE_PICTURES`` is set.
"""

import functools
import http.server
import os
import threading
from pathlib import Path

import axe_playwright_python  # type: ignore[import-untyped]  # it has no types
import pytest
from playwright.sync_api import sync_playwright

from tests.site.build import build
from tests.site.sources import ROOT
from tests.support.chromium import chromium

pytestmark = pytest.mark.skipif(os.environ.get("SITE") != "whole", reason="make site-check runs it")

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# Without its own loading of style sheets, which a page that was opened as a file may not do.
RULES = "{preload: false, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}"
WIDTHS = (1280, 360)
PICTURES = ROOT / ".site-pictures"


@pytest.fixture(scope="module")
def site():
    folder = ROOT / ".site"
    build(folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser):
    """A page that may load files alone."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.asked = []
    opened.complaints = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on(
        "console", lambda message: opened.complaints.append(message.text) if message.type == "error" else None
    )
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    yield opened
    context.close()


def violations(page):
    page.evaluate(AXE)
    return page.evaluate(
        f"axe.run(document, {RULES}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 4).map(n => n.target.join(' ') + ' ' + n.html.slice(0, 160)).join(' | ')))"
    )


def pages_of(site):
    return sorted(site.rglob("*.html"))


@pytest.mark.timeout(0)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_accessible_and_none_is_wider_than_the_window(page, site, width, scheme):
    faults = {}
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for file in pages_of(site):
        name = file.relative_to(site).as_posix()
        page.goto(file.as_uri())
        found = violations(page)
        if (is_wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"is {is_wide} px wide")
        if found:
            faults[name] = found
        if os.environ.get("SITE_PICTURES"):
            picture = PICTURES / f"{name.removesuffix('.html').replace('/', '--')}-{width}-{scheme}.png"
            picture.parent.mkdir(exist_ok=True)
            page.screenshot(path=picture)
    assert faults == {}
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.complaints == []


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        """Nothing: what was asked for is no news."""


@pytest.fixture(scope="module")
def served(site):
    handler = functools.partial(Quiet, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("way", ["file", "server"])
@pytest.mark.parametrize(
    ("words", "leads_to"),
    [
        ("BRIDGE_BUS_CONCURRENCY", "operate/settings.html"),
        ("provider_timeout", "reference/errors.html"),
        ("no_known_allergies_of_kind", "use/answer.html"),
        ("BridgeServiceDown", "operate/runbook.html"),
    ],
)
def test_a_search_finds_the_page_that_has_the_word(page, site, served, way, words, leads_to):
    page.goto((site / "index.html").as_uri() if way == "file" else f"{served}index.html")
    page.wait_for_load_state()
    page.focus("input.md-search__input")
    page.locator(".md-search-result__meta", has_text="Type to start searching").wait_for(timeout=120_000)
    page.keyboard.type(words)
    page.wait_for_selector(".md-search-result__link", timeout=120_000)
    links = page.eval_on_selector_all(".md-search-result__link", "all => all.map(each => each.href)")
    assert [link for link in links if leads_to in link], links
    page.click(f".md-search-result__link[href*='{leads_to}']")
    page.wait_for_url(f"**/{leads_to}*")
    assert words in page.content()
    assert page.complaints == []


def test_without_scripts_everything_can_be_read_and_reached(browser, site):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="safety officer", exact=True).click()
    page.wait_for_url("**/roles/safety-officer.html")
    page.get_by_role("link", name="The hazard log").first.click()
    page.wait_for_url("**/assure/hazards.html")
    context.close()


def test_on_paper_a_page_is_its_text_alone(page, site):
    page.goto((site / "operate" / "runbook.html").as_uri())
    page.emulate_media(media="print")
    assert (
        page.locator("header.md-header, nav.md-tabs, .md-sidebar").evaluate_all(
            "all => all.filter(each => each.offsetParent !== null).length"
        )
        == 0
    )
    assert page.locator("article h1").is_visible()
