"""An installation that runs the pipelines of `rooms`: a house, a bus, a hospital, and a ledger."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.engine.worker import consuming
from bridge.ledger import RequestHistory, request_key
from bridge.operations.reconciliation import Account, reconcile
from bridge.operations.site import Queues, open_stores
from bridge.pipelines import Pipeline
from bridge.sandbox import RunningSandbox
from bridge.settings import Settings
from tests.integration.side_effects.house import House
from tests.integration.side_effects.rooms import TAKE, rooms
from tests.support.hospital import Hospital, hospital_on
from tests.support.requests import PATIENT, cloud_event, record_request

LONGEST = 60.0
ROOT = Path(__file__).parents[3]
Event = tuple[str, dict[str, Any]]


@dataclass
class Installation:
    """What a test sees of it."""

    house: House
    hospital: Hospital
    settings: Settings
    environment: dict[str, str]

    @asynccontextmanager
    async def worker(self, pipeline: Pipeline = rooms) -> AsyncIterator[None]:
        """A worker more, inside this process."""
        async with open_bus(self.settings) as bus, consuming(self.settings, [pipeline], bus):
            yield

    async def ask(self, *names: str, patient: str = PATIENT, **attributes: Any) -> dict[str, Any]:
        """Ask for the first of these rooms that is free."""
        request = request_for(*names, patient=patient, **attributes)
        await self.hospital.ask(request, key=TAKE)
        return request

    async def outcome(self, request: dict[str, Any], *, events: int = 1) -> list[Event]:
        """So many events about a request: their kind and data, once they are there."""
        await until(lambda: len(self.hospital.events(request["id"])) >= events)
        return [(kind, event["data"]) for kind, event in self.hospital.events(request["id"])]

    async def history(self, request: dict[str, Any]) -> RequestHistory:
        async with open_stores(self.settings) as stores:
            found = await stores.ledger.oversight.request_history(
                request_key(request["source"], request["id"])
            )
        assert found is not None
        return found

    async def account(self) -> Account:
        """The account, once nothing is under way any more; it must add up, here and at the broker."""
        async with open_stores(self.settings) as stores, open_bus(self.settings) as bus:
            async with asyncio.timeout(LONGEST):
                while (balance := await stores.ledger.oversight.draw_balance()).in_flight or balance.waiting:
                    await asyncio.sleep(0.05)
            queues = Queues(bus, {rooms.name: rooms.queue(self.settings.bus.prefix)})
            (account,) = (await reconcile(stores, queues)).accounts
            assert await stores.trail.verify() == []
        assert account.holds, account
        return account


def request_for(*names: str, patient: str = PATIENT, **attributes: Any) -> dict[str, Any]:
    data = record_request(patient, rooms=list(names))
    del data["areas"]
    return cloud_event(data, **attributes)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST):
        while not holds():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def opened(
    sandbox: RunningSandbox, bus_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: str
) -> AsyncIterator[Installation]:
    """An installation without a worker, and its house."""
    house = House()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.server)
        stack.callback(house.open_all)
        environment = sandbox.environment | {
            "HOUSE_URL": house.server.url,
            "BRIDGE_BUS_URL": bus_url,
            "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
            "BRIDGE_STATE_DIR": str(folder / "state"),
            "BRIDGE_RETRY_FIRST_DELAY": "0.05",
            "BRIDGE_RETRY_MAX_DELAY": "0.1",
            "BRIDGE_RETRY_SETTLE_AFTER": "0.6",
            "BRIDGE_LEDGER_LEASE_SECONDS": "2",
            "BRIDGE_STOP_GRACE": "5",
            **changes,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings = Settings.load()
        bus = await stack.enter_async_context(open_bus(settings))
        await bus.declare(rooms.queue(settings.bus.prefix))
        hospital = await stack.enter_async_context(hospital_on(bus))
        yield Installation(house, hospital, settings, environment)
