"""Makes the runs against the simulator, with pictures of what a person sees: preview and console, in a real Chromium."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page, async_playwright

from bridge.console.rights import Role
from bridge.console.serving import console
from bridge.console.sign_in.users import put_user
from bridge.observe import configure_logging
from bridge.operations import preview
from tests.assurance.pack.first_of_type import DOCUMENTS, SCENARIOS, FirstOfType, ScenarioRun
from tests.assurance.pack.simulated import Simulation, StepRun, all_scenarios, archive, installation
from tests.support.chromium import chromium
from tests.support.ports import free_port

_PASSWORD = "for one run alone"
_HIGHEST = 2400


def run_all() -> tuple[tuple[StepRun, ...], tuple[ScenarioRun, ...]]:
    """Every patient of the simulator; and every scenario of First of Type. Takes some minutes, most of it waiting."""
    configure_logging("error")
    return asyncio.run(_run_all())


async def _run_all() -> tuple[tuple[StepRun, ...], tuple[ScenarioRun, ...]]:
    with TemporaryDirectory(prefix="assurance-") as name:
        folder = Path(name)
        async with (
            installation(folder / "one") as run,
            installation(folder / "two", archive(folder / "two")) as documents,
        ):
            steps = await all_scenarios(run, documents)
        return steps, await first_of_type(folder, SCENARIOS)


async def first_of_type(folder: Path, scenarios: tuple[FirstOfType, ...]) -> tuple[ScenarioRun, ...]:
    """These scenarios, one after the other: those of documents in an installation of their own."""
    done: dict[str, ScenarioRun] = {}
    for fetches in (False, True):
        own = archive(folder / "documents") if fetches else {}
        async with _installed(folder / f"first-of-type-{fetches}", own) as (run, page, url):
            for scenario in scenarios:
                if (scenario.capability == DOCUMENTS) is fetches:
                    done[scenario.name] = await _run_one(scenario, run, page, url, folder)
    return tuple(done[scenario.name] for scenario in scenarios)


@asynccontextmanager
async def _installed(folder: Path, settings: dict[str, str]) -> AsyncIterator[tuple[Simulation, Page, str]]:
    """An installation with its console, and a browser that is signed in."""
    folder.mkdir()
    users = folder / "users"
    put_user(users, "reader", [Role.VIEWER], _PASSWORD)
    own = {"BRIDGE_CONSOLE_PORT": str(free_port()), "BRIDGE_CONSOLE_USERS_FILE": str(users)}
    async with (
        installation(folder, own | settings) as run,
        console(run.here.settings) as url,
        _browser(url) as page,
    ):
        yield run, page, url


async def _run_one(scenario: FirstOfType, run: Simulation, page: Page, url: str, folder: Path) -> ScenarioRun:
    steps = await scenario.script(run)
    pictures = []
    if html := _preview(steps[0]):
        shown = folder / "preview.html"
        shown.write_text(html, encoding="utf-8")
        await page.goto(shown.as_uri())
        words = "The preview of what was published by the first step, as a person may open it"
        pictures.append((f"{scenario.name}-preview.jpg", words, await _picture(page)))
    await page.goto(f"{url}/request?key={steps[-1].key.replace(' ', '%20')}")
    words = "The console's page of the last request: what happened to it, without anything of the patient"
    pictures.append((f"{scenario.name}-console.jpg", words, await _picture(page)))
    return ScenarioRun(scenario, tuple(steps), tuple(pictures))


def _preview(step: StepRun) -> str | None:
    try:
        return preview.page(_files(step))
    except preview.NotShowable:
        return None


def _files(step: StepRun) -> Iterator[tuple[str, bytes]]:
    for number, event in enumerate(step.events, 1):
        yield f"event {number}", event.body


async def _picture(page: Page) -> bytes:
    height = await page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": 1024, "height": min(height, _HIGHEST)}
    return await page.screenshot(type="jpeg", quality=70, full_page=True, clip=clip)  # type: ignore[arg-type]  # its own TypedDict


@asynccontextmanager
async def _browser(url: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1024, "height": 768})
        await page.goto(f"{url}/sign-in")
        await page.fill("#name", "reader")
        await page.fill("#password", _PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{url}/")
        yield page
        await browser.close()
