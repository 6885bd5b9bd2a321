"""A real worker of the release before is killed at work, and one of today goes on with its ledger and its queues.

Outside the gate: ``make upgrade`` (the release is checked out and installed, which takes a minute the first time).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.bus.rabbit.topology import DELAYS
from bridge.sandbox import MAIN, SandboxOptions, running
from bridge.settings import Settings
from tests.faults.conftest import BROKERS, Broker
from tests.faults.installation import BALANCE, Epr, Installation, of_a_worker
from tests.support.hospital import Hospital, hospital_on
from tests.support.ports import free_port
from tests.support.postgres import fresh_database
from tests.support.processes import Child, child, wait_until_ready, worker
from tests.support.reception import Reception, example
from tests.support.releases import BEFORE, installed_release

pytestmark = pytest.mark.skipif(
    "UPGRADE" not in os.environ, reason="installs an earlier release: make upgrade runs it"
)
RECORDS = 60
BOOKINGS = 12
SCENARIOS = ("rich_record", "no_known_allergies", "withheld_items", "restricted", "other_patient")
APPOINTMENTS = ("ledger", "balance", "--pipeline", "appointments", "--json")


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Where the ledger is, as settings."""
    if request.param == "sqlite":
        yield {}
        return
    with fresh_database(request.getfixturevalue("postgres_node").url) as url:
        yield {"BRIDGE_LEDGER_URL": url}


@contextmanager
def worker_before(environment: dict[str, str], output: Path) -> Iterator[Child]:
    """A worker of the release before, with every pipeline it has, once it is ready."""
    port = free_port()
    settings = environment | {"BRIDGE_HEALTH_PORT": str(port), "BRIDGE_LOG_FORMAT": "json"}
    python = installed_release(BEFORE).python
    with child(
        "bridge", ["run"], environment=settings, output=output, cwd=output.parent, fresh=True, python=python
    ) as started:
        wait_until_ready(started, port, within=300)
        yield started


@asynccontextmanager
async def opened(
    broker: Broker, settings: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Installation, Hospital, Child]]:
    """An installation on which a worker of the release before has declared everything."""
    options = SandboxOptions(folder / "keys", scenario_faults=True, patients=40, proxy_timeout=5.0)
    async with running(options) as sandbox, broker.site() as site:
        environment = {
            **sandbox.environment,
            **of_a_worker(broker.node.url, site.prefix, folder),
            "BRIDGE_RETRY_SETTLE_AFTER": "0.5",
            **settings,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with worker_before(environment, folder / "before.log") as before:
            bus = site.bus(delays=DELAYS)
            await bus.start()
            try:
                epr = Epr(site, bus)
                await epr.listen()
                async with hospital_on(bus) as hospital:
                    at = Installation(site, sandbox, environment, Settings.load(), bus, epr, folder)
                    yield at, hospital, before
            finally:
                await bus.stop(grace=5)


@pytest.mark.timeout(450)
@pytest.mark.parametrize("broker", BROKERS, indirect=True)
async def test_what_the_release_before_left_at_work_comes_to_its_end_once(
    broker, ledger, tmp_path, monkeypatch
):
    async with opened(broker, ledger, tmp_path, monkeypatch) as (site, hospital, before):
        reception = Reception(hospital, patience=100)
        patients = [one.nhs_number for one in site.sandbox.crowd if one.practice_ods == MAIN.ods][:BOOKINGS]
        offers = [slot["offer"] for slot in await reception.free_slots(patients[0])]
        bookings = [
            example("appointment.requested", patient={"nhs_number": patient}, choices=[[offer]])
            for patient, offer in zip(patients, offers[:: len(offers) // BOOKINGS], strict=False)
        ]
        asked = [SCENARIOS[number % len(SCENARIOS)] for number in range(RECORDS)]
        ids = await site.epr.ask(*asked[: RECORDS // 2])
        for request in bookings:
            await reception.send(request)
        ids += await site.epr.ask(*asked[RECORDS // 2 :])
        await site.epr.over(ids, RECORDS // 6)
        before.kill()
        left = sum(not site.epr.is_over(name) for name in ids)
        assert left > 0

        # Offers of 0.1.0 are not signed: an operator says until when they are taken (Upgrading in deploy/README.md).
        until_later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        now = site.environment | {"BRIDGE_OFFERS_UNSIGNED_UNTIL": until_later}
        with worker(now, output=tmp_path / "now.log") as started:
            await site.epr.over(ids)
            await site.accounts(ids)
            for request in bookings:
                kind, data = await reception.outcome(request["id"])
                assert kind == "appointment.booked.v1", data
            book = [one for one in site.sandbox.diary(MAIN.ods).appointments() if one.nhs_number in patients]
            assert sorted(one.nhs_number for one in book) == sorted(patients)
            assert all([change.action for change in one.history] == ["booked"] for one in book)
            for arguments in (BALANCE, APPOINTMENTS):
                (account,) = (await site.command(*arguments))["pipelines"]
                assert account["ledger"]["discrepancies"] == []
            assert await asyncio.to_thread(started.stop) == 0
