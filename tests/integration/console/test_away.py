"""A console whose ledger or broker is away says so on every page, and comes back by itself."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bridge.console.pages import PAGES
from bridge.console.rights import Role
from bridge.console.serving import console
from bridge.console.sign_in.users import put_user
from bridge.settings import Settings
from tests.support.console import PASSWORD
from tests.support.ports import free_port
from tests.support.postgres import fresh_database
from tests.support.tcp_proxy import TcpProxy

SHOWN = [page.path for page in PAGES if page.method == "GET"]
LEDGER, BUS = "The ledger cannot be asked now", "The broker cannot be asked now"
AWAY = "We do not know"


@dataclass
class Watched:
    """A console, signed in to, and the links to what it asks."""

    client: httpx.AsyncClient
    ledger: TcpProxy
    bus: TcpProxy
    token: str = ""

    async def sign_in(self) -> None:
        page = (await self.client.get("/sign-in")).text
        form = {"token": page.partition('name="token" value="')[2].partition('"')[0]}
        answer = await self.client.post("/sign-in", data=form | {"name": "alma", "password": PASSWORD})
        assert answer.status_code == 303
        page = (await self.client.get("/requests")).text
        self.token = page.partition('name="token" value="')[2].partition('"')[0]

    async def pages(self) -> dict[str, httpx.Response]:
        """Every page that is only looked at."""
        answers = [await self.client.get(path) for path in SHOWN]
        for answer in answers:
            assert answer.status_code in (200, 409, 503), (answer.url.path, answer.text)
            assert "Traceback" not in answer.text
        return {answer.url.path: answer for answer in answers}

    async def post(self, path: str, **form: str) -> httpx.Response:
        return await self.client.post(path, data=form | {"token": self.token})

    async def until_both_are_back(self) -> None:
        for path in ("/requests", "/dead-letters"):
            while AWAY in (await self.client.get(path)).text:
                await asyncio.sleep(0.2)
        assert [path for path, each in (await self.pages()).items() if AWAY in each.text] == []


@pytest.fixture(scope="module")
def database(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("away")
    put_user(made / "users", "alma", [*Role], PASSWORD)
    return made


@asynccontextmanager
async def watched(database: str, nats_url: str, folder: Path, *, is_away: bool) -> AsyncIterator[Watched]:
    """A console that finds both, or neither, when it starts."""
    async with TcpProxy(database) as ledger, TcpProxy(nats_url) as bus:
        if is_away:
            await asyncio.gather(ledger.refuse(), bus.refuse())
        settings = Settings.load(
            environ={
                "BRIDGE_SANDBOX": "true",
                "BRIDGE_STATE_DIR": str(folder),
                "BRIDGE_PATIENT_KEY": "00" * 32,
                "BRIDGE_BUS_URL": bus.url,
                "BRIDGE_BUS_PREFIX": f"away-{secrets.token_hex(4)}",
                "BRIDGE_STOP_GRACE": "1",
                "BRIDGE_LEDGER_URL": ledger.url,
                "BRIDGE_CONSOLE_PORT": str(free_port()),
                "BRIDGE_CONSOLE_USERS_FILE": str(folder / "users"),
            }
        )
        async with (
            console(settings) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
        ):
            seen = Watched(client, ledger, bus)
            await seen.sign_in()
            yield seen


@pytest.fixture
async def working(database: str, nats_url: str, folder: Path) -> AsyncIterator[Watched]:
    async with watched(database, nats_url, folder, is_away=False) as seen:
        await seen.until_both_are_back()
        yield seen


OF_LEDGER = ("/requests", "/failures", "/replays", "/in-doubt", "/practices", "/audit")
OF_BOTH = ("/", "/dead-letters", "/system")


async def test_without_its_ledger_it_shows_what_the_broker_knows(working: Watched):
    await working.ledger.refuse()
    pages = await working.pages()
    for path in OF_LEDGER:
        assert (pages[path].status_code, LEDGER in pages[path].text) == (503, True), path
        assert "not to say that there is none" in pages[path].text
    for path in OF_BOTH:
        assert pages[path].status_code == 200, path
    assert AWAY in pages["/"].text
    refused = await working.post("/system/retries/stop", reason="PDS is being mended")
    assert (refused.status_code, "Nothing was done" in refused.text) == (503, True)
    await working.ledger.heal()
    await working.until_both_are_back()
    assert "as usual" in (await working.client.get("/system")).text


async def test_without_the_broker_it_shows_what_the_ledger_knows(working: Watched):
    await working.bus.refuse()
    pages = await working.pages()
    for path in OF_BOTH:
        assert (pages[path].status_code, AWAY in pages[path].text) == (200, True), path
    for path in OF_LEDGER:
        assert pages[path].status_code == 200, path
    refused = await working.post("/dead-letters/plan", kind="discard", pipeline="structured_record")
    assert (refused.status_code, BUS in refused.text) == (503, True)
    await working.bus.heal()
    await working.until_both_are_back()


async def test_it_starts_while_both_are_away(database: str, nats_url: str, folder: Path):
    async with watched(database, nats_url, folder, is_away=True) as console_alone:
        pages = await console_alone.pages()
        assert LEDGER in pages["/requests"].text
        assert BUS in pages["/dead-letters/letter"].text
        await asyncio.gather(console_alone.ledger.heal(), console_alone.bus.heal())
        await console_alone.until_both_are_back()
