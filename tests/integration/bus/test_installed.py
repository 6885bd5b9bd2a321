"""A bus of somebody else's package: the very text of bridge/bus/README.md, found by its scheme and used."""

import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from bridge.bus import open_bus, try_connection
from bridge.bus.installed import bus_for
from bridge.bus.port import Bus, Dead
from bridge.errors import NoConnection
from bridge.settings import BusSettings, Settings
from tests.integration.bus.conformance import BusConformance, Recorder, send
from tests.integration.bus.dead_letter_store import DeadLetterStoreConformance
from tests.integration.bus.delayed_redelivery import DelayedRedeliveryConformance
from tests.integration.bus.transport import TransportConformance
from tests.support.bus_sites import RabbitSite, until

GUIDE = Path(__file__).parents[3] / "bridge" / "bus" / "README.md"

pytestmark = pytest.mark.rabbit


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    return found.group(1)


@pytest.fixture
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installer leaves it: a module, and the metadata beside it."""
    metadata = tmp_path / "our_bus-1.0.dist-info"
    metadata.mkdir()
    (tmp_path / "our_bus.py").write_text(block("python"))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: our-bus\nVersion: 1.0\n")
    [(group, points)] = tomllib.loads(block("toml"))["project"]["entry-points"].items()
    lines = "\n".join(f"{name} = {target}" for name, target in points.items())
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
    monkeypatch.syspath_prepend(tmp_path)


class InstalledSite(RabbitSite):
    """RabbitMQ, whose bus is the one that is installed for the scheme of its URL."""

    password_file: Path

    @property
    def installed_url(self) -> str:
        where = urlsplit(self.url)
        self.password_file.write_text(f"{where.password}\n")
        place = f"{where.username}@{where.hostname}:{where.port}{where.path}"
        return f"file+amqp://{place}?password_file={quote(str(self.password_file))}"

    def bus(self, url: str | None = None, **options: Any) -> Bus:
        url = url or self.installed_url
        pauses: Any = {"on_lost": None, "delays": (1, 2)} | options
        return bus_for(url)(url, prefix=self.prefix, **pauses)


@pytest.fixture
async def site(rabbit_url: str, _package: None, tmp_path: Path) -> AsyncIterator[InstalledSite]:
    async with InstalledSite.open(rabbit_url) as site:
        site.password_file = tmp_path / "broker"
        yield site


@pytest.fixture
def settings(site: InstalledSite, tmp_path: Path) -> Settings:
    url: Any = site.installed_url
    return Settings(state_dir=tmp_path / "state", bus=BusSettings(url=url, prefix=site.prefix))


class TestBus(BusConformance):
    """What is asked of a whole bus. Its factory promises a `Bus`, which is every part of the port."""


class TestTransport(TransportConformance):
    """With nothing in between."""


class TestDelayedRedelivery(DelayedRedeliveryConformance):
    """By the broker's own means."""


class TestDeadLetterStore(DeadLetterStoreConformance):
    """In the broker's own queues."""


async def test_it_is_used_like_one_of_ours(settings: Settings, site: InstalledSite) -> None:
    async with open_bus(settings) as bus:
        await bus.declare(site.queue)
        await bus.consume(site.queue, handler := Recorder(Dead("invalid")), concurrency=1)
        await send(bus)
        [delivery] = await handler.saw(1)
        await until(lambda: _is_dead(bus, site))
        assert await bus.ready()
    assert delivery.id == "request-1"
    assert [letter.id for letter in await site.dead()] == ["request-1"]


async def test_it_is_tried_like_one_of_ours(settings: Settings, site: InstalledSite) -> None:
    url: Any = settings.bus.url
    await try_connection(url, prefix=site.prefix, with_rights=True)
    site.password_file.write_text("not-the-right-one")
    with pytest.raises(NoConnection) as refused:
        await try_connection(url)
    assert refused.value.code == "login_refused"


async def _is_dead(bus: Bus, site: InstalledSite) -> bool:
    return (await bus.depth(site.queue)).dead == 1
