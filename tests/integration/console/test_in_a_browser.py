"""Every page in a real Chromium: accessible (axe-core, WCAG 2.1 AA), narrow too, and worked by the keyboard alone.

``SCREENSHOTS=write`` writes the picture of the README anew.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python  # type: ignore[import-untyped]  # it has no types
import pytest
from playwright.sync_api import Page, sync_playwright

from tests.integration.console.test_rights import METADATA, PRACTICE
from tests.support.chromium import chromium
from tests.support.console import PASSWORD, ConsoleSite, lose_replay

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}"
PICTURE = Path(__file__).parents[3] / "deploy" / "console.png"
LARGEST = 150_000


@pytest.fixture(scope="module")
def page(site: ConsoleSite) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1180, "height": 760}, java_script_enabled=True)
        opened = context.new_page()
        opened.goto(f"{site.url}/sign-in")
        check(opened)
        opened.keyboard.press("Tab")
        opened.fill("#name", "alma")
        opened.fill("#password", PASSWORD)
        opened.keyboard.press("Enter")
        opened.wait_for_url(f"{site.url}/")
        yield opened
        browser.close()


def addresses(site: ConsoleSite) -> list[str]:
    known = [
        path
        for path in METADATA
        if path not in ("/request", "/practice", "/dead-letters/job", "/dead-letters/letter", "/replays/job")
    ]
    return [
        *known,
        *(f"/request?key={key.replace(' ', '%20')}" for key in site.requests.values()),
        f"/practice?ods={PRACTICE.ods}",
        "/nowhere",
    ]


def check(page: Page) -> None:
    # By the DevTools, which the policy of the page does not bind.
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": AXE})
    answer: Any = session.send(
        "Runtime.evaluate",
        {
            "expression": f"axe.run(document, {RULES}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))",
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    session.detach()
    assert answer["result"].get("value") == [], (page.url, answer)


@pytest.mark.parametrize("width", [1180, 320])
def test_every_page_is_accessible_and_none_scrolls_sideways(page: Page, site: ConsoleSite, width: int):
    page.set_viewport_size({"width": width, "height": 640})
    for address in addresses(site):
        page.goto(f"{site.url}{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        check(page)
    page.set_viewport_size({"width": 1180, "height": 760})


def test_in_the_dark_too(page: Page, site: ConsoleSite):
    page.emulate_media(color_scheme="dark")
    for address in ("/", "/requests", "/failures", "/system"):
        page.goto(f"{site.url}{address}")
        check(page)
    page.emulate_media(color_scheme="light")


def test_from_a_group_of_failures_to_the_requests_asked_again_by_the_keyboard_alone(
    page: Page, site: ConsoleSite
):
    page.goto(f"{site.url}/failures")
    group = page.get_by_role("region", name="response_invalid")
    group.get_by_role("link", name="Show these requests").press("Enter")
    page.wait_for_url("**/requests?group=*&hours=12")
    assert (
        page.inner_text("caption")
        == "1 requests of one cause that ended in the last 12 hours, the newest first"
    )
    page.go_back()
    page.get_by_role("button", name="Plan to ask again: response_invalid").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/replays/job?*")
    check(page)
    assert "0 of 1" in page.inner_text("h2 >> nth=0")
    site.mend_practice()
    page.get_by_label("Reason").focus()
    page.keyboard.type("the supplier says that it is mended")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    while "1 of 1" not in page.inner_text("h2 >> nth=0") or page.locator(".tiles .good").count() == 0:
        page.get_by_role("link", name="Look again").press("Enter")
        page.wait_for_load_state()
    assert page.inner_text(".tiles .good").split() == ["completed", "1"]
    check(page)
    page.get_by_role("row").last.get_by_role("link").last.press("Enter")
    page.wait_for_url("**/request?key=*")
    assert "completed" in page.inner_text("main")
    assert any(each["event"] == "replay.confirmed" for each in site.run(site.trail()))


def test_a_replay_that_was_lost_is_given_up_by_the_keyboard_alone(page: Page, site: ConsoleSite):
    key = site.requests["failed"]
    page.goto(f"{site.url}/request?key={key.replace(' ', '%20')}")
    page.get_by_role("button", name="Plan to ask again").press("Enter")
    page.wait_for_url("**/replays/job?*")
    site.run(lose_replay(site, page.url.partition("id=")[2], key))
    page.get_by_role("link", name="Look again").press("Enter")
    form = page.get_by_role("region", name="Sent, and not arrived: 1")
    form.get_by_role("checkbox").wait_for()
    check(page)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    check(page)
    page.set_viewport_size({"width": 1180, "height": 760})
    form.get_by_role("checkbox").press("Space")
    page.locator("#lost-why").focus()
    page.keyboard.type("purged by hand")
    page.keyboard.press("Enter")
    page.get_by_text("Given up as lost: 1").wait_for()
    assert form.count() == 0
    check(page)


def test_dead_letters_and_a_record_that_is_opened(page: Page, site: ConsoleSite):
    page.goto(f"{site.url}/dead-letters")
    page.get_by_role("button", name="Discard: structured_record").click()
    page.wait_for_url("**/dead-letters/job?*")
    check(page)
    page.get_by_role("rowheader").first.get_by_role("link").click()
    check(page)
    page.get_by_label("Reason").fill("to see what was sent")
    page.get_by_role("button", name="Open").click()
    page.wait_for_load_state()
    assert "9990000019" in page.inner_text("main")
    check(page)
    page.goto(f"{site.url}/request?key={site.requests['completed'].replace(' ', '%20')}")
    page.locator("#why-events").fill("asked by the ward")
    page.get_by_role("button", name="Open the events").click()
    page.wait_for_load_state()
    assert "Allergies" in page.inner_text("body")


def test_the_picture_of_the_guide_is_there_and_small(page: Page, site: ConsoleSite):
    if os.environ.get("SCREENSHOTS") == "write":
        page.set_viewport_size({"width": 1100, "height": 800})
        page.goto(f"{site.url}/")
        page.screenshot(path=PICTURE)
    assert 5_000 < PICTURE.stat().st_size < LARGEST
