"""An operator: the settings of an installation, its stores, and its commands as child processes."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.bus.port import Bus, Dead, Delivery, Disposition, Done
from bridge.operations.site import Stores, open_stores
from bridge.settings import BusSettings, LedgerSettings, Settings
from tests.support.bus_sites import KEY, Site, until
from tests.support.processes import Ended, bridge

PIPELINE = "structured_record"
LEASE = 1.0


@dataclass(frozen=True)
class Operator:
    """Whoever operates one installation, whose state is in `folder`."""

    folder: Path
    url: str
    prefix: str

    @property
    def settings(self) -> Settings:
        return Settings(
            sandbox=True,
            state_dir=self.folder / "state",
            bus=BusSettings(url=self.url, prefix=self.prefix),
            ledger=LedgerSettings(lease_seconds=LEASE),
        )

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "BRIDGE_SANDBOX": "true",
            "BRIDGE_STATE_DIR": str(self.folder / "state"),
            "BRIDGE_BUS_URL": self.url,
            "BRIDGE_BUS_PREFIX": self.prefix,
            "BRIDGE_LEDGER_LEASE_SECONDS": str(LEASE),
            "BRIDGE_PATIENT_KEY": "a key of this installation",
            "COLUMNS": "200",
        }

    async def run(self, *arguments: str | Path, given: bytes = b"", **changed: str) -> Ended:
        """A ``bridge`` command, to its end, while the test's own bus goes on; `changed` settings by name."""
        environment = {**self.environment, **changed}
        return await asyncio.to_thread(
            bridge, *arguments, directory=self.folder, environment=environment, given=given
        )

    async def json(self, *arguments: str | Path) -> Any:
        """What a command that ends well prints, as JSON."""
        ended = await self.run(*arguments)
        assert ended.code == 0, ended
        return json.loads(ended.printed)

    @asynccontextmanager
    async def stores(self) -> AsyncIterator[Stores]:
        async with open_stores(self.settings) as stores:
            yield stores

    async def entries(self) -> list[dict[str, Any]]:
        """The whole audit trail, which must be whole."""
        day = timedelta(days=1)
        now = datetime.now(UTC)
        async with self.stores() as stores:
            assert await stores.trail.verify() == []
            return [entry async for entry in stores.trail.export(now - day, now + day)]


class MendableHandler:
    """A handler of which all becomes a dead letter until it is mended; remembers what it worked on."""

    def __init__(self, reason: str = "internal") -> None:
        self.reason = reason
        self.is_mended = False
        self.worked_on: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> Disposition:
        if not self.is_mended:
            return Dead(self.reason, "as told")
        self.worked_on.append(delivery)
        return Done()

    @property
    def ids(self) -> list[str]:
        return [delivery.id for delivery in self.worked_on]


@asynccontextmanager
async def bus_with(site: Site, handler: MendableHandler | None) -> AsyncIterator[Bus]:
    """A started bus whose queue `handler` works on, or nobody."""
    bus = site.bus()
    await bus.start()
    try:
        await bus.declare(site.queue)
        if handler is not None:
            await bus.consume(site.queue, handler, concurrency=5)
        yield bus
    finally:
        await bus.stop(grace=5)


async def make_dead_letters(bus: Bus, site: Site, *names: str) -> None:
    """Send these requests, and wait until they are among the dead letters."""
    before = (await bus.depth(site.queue)).dead
    for name in names:
        await bus.send(
            KEY, b'{"request": "%s"}' % name.encode(), id=name, content_type="text/plain", correlation_id=name
        )
    await until_dead(bus, site, before + len(names))


async def until_dead(bus: Bus, site: Site, count: int) -> None:
    async def holds() -> bool:
        depth = await bus.depth(site.queue)
        return (depth.ready, depth.waiting, depth.dead) == (0, 0, count)

    await until(holds)
