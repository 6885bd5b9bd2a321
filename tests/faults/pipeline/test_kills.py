"""Workers that are killed every two seconds, and a request that two of them get."""

import asyncio
import itertools
import random
from collections import Counter
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.engine import installed_pipelines
from bridge.ledger import open_ledger
from bridge.ledger.aes_gcm import AesGcmSealer
from bridge.ledger.audit import AuditTrail
from bridge.ledger.keys import open_keys
from bridge.sandbox import BY_NAME, SandboxOptions, running
from bridge.settings import Settings
from tests.support.hospital import hospital_on
from tests.support.processes import worker
from tests.support.requests import cloud_event, record_request

KILL_EVERY = 2.0
LONGEST = 200.0
SCENARIOS = ("rich_record", "no_known_allergies", "withheld_items", "restricted", "other_patient")
FINALS = {"record.completed.v1", "request.failed.v1"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("broker", "count"),
    [
        pytest.param("rabbit", 1000, marks=pytest.mark.rabbit),
        pytest.param("nats", 500, marks=pytest.mark.nats),
    ],
)
async def test_a_worker_killed_every_two_seconds_loses_and_doubles_nothing(
    broker, count, request, tmp_path, monkeypatch
):
    url = request.getfixturevalue(f"{broker}_url")
    async with running(SandboxOptions(state_dir=tmp_path)) as sandbox:
        environment = sandbox.environment | {
            "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:12]}",
            "BRIDGE_BUS_URL": url,
            "BRIDGE_PDS_RATE_PER_SECOND": "10000",
            "BRIDGE_STATE_DIR": str(tmp_path / "state"),
            "BRIDGE_LEDGER_LEASE_SECONDS": "3",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings = Settings.load()
        (pipeline,) = installed_pipelines(["structured_record"])
        queue = pipeline.queue(settings.bus.prefix)
        chosen = random.Random(20261122).choices(SCENARIOS, k=count)
        requests = [cloud_event(record_request(BY_NAME[name].nhs_number)) for name in chosen]
        async with open_bus(settings) as bus, hospital_on(bus) as hospital:
            await bus.declare(queue)
            for event in requests:
                await hospital.ask(event)
            kills = await kill_until_over(
                hospital, [event["id"] for event in requests], environment, tmp_path
            )
            depth = await bus.depth(queue)
        assert kills >= 1
        assert (depth.ready, depth.waiting, depth.dead) == (0, 0, 0)
        for event in requests:
            kinds: dict[str, set[str]] = {}
            for kind, published in hospital.events(event["id"]):
                kinds.setdefault(kind, set()).add(published["id"])
            assert len(kinds.keys() & FINALS) == 1, "exactly one outcome"
            assert all(len(ids) == 1 for ids in kinds.values()), "a repeat has the id it had before"
        await check_books(settings, chosen)


async def kill_until_over(hospital, ids, environment, folder):
    """Run one worker after the other, each for two seconds, until every request is over."""
    async with asyncio.timeout(LONGEST):
        for number in itertools.count():
            with worker(environment, output=folder / f"worker-{number}.log") as started:
                killing = asyncio.create_task(asyncio.sleep(KILL_EVERY))
                while not killing.done():
                    if all(map(hospital.is_over, ids)):
                        assert await asyncio.to_thread(started.stop) == 0
                        return number
                    await asyncio.sleep(0.05)
                started.kill()
    raise AssertionError("unreachable")


async def check_books(settings, chosen):
    """The ledger says the same as the bus, and the audit trail is whole."""
    keys = open_keys(settings)
    sealer = AesGcmSealer(keys.vault)
    async with open_ledger(settings, sealer) as ledger:
        balance = await ledger.balance()
        assert await AuditTrail(ledger.store, keys.audit, sealer).verify() == []
    failed = Counter(chosen)["restricted"] + Counter(chosen)["other_patient"]
    assert (balance.received, balance.completed, balance.failed) == (
        len(chosen),
        len(chosen) - failed,
        failed,
    )
    assert (balance.rejected, balance.in_doubt, balance.waiting, balance.in_flight) == (0, 0, 0, 0)
    assert not balance.discrepancies
