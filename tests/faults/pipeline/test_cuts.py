"""Hundreds of mixed requests while the connection to the broker is cut five times."""

import asyncio
import random
from collections import Counter
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.engine import installed_pipelines
from bridge.engine.worker import consuming
from bridge.sandbox import BY_NAME, SandboxOptions, running
from bridge.settings import Settings
from tests.support.hospital import hospital_on
from tests.support.requests import cloud_event, record_request
from tests.support.tcp_proxy import TcpProxy

CUTS = 5
LONGEST = 150.0
# Weighted: what is asked, and how it must end.
MIX = (
    ("rich_record", "record.completed.v1", 6),
    ("no_known_allergies", "record.completed.v1", 3),
    ("withheld_items", "record.completed.v1", 3),
    ("typical_size", "record.completed.v1", 3),
    ("restricted", "request.failed.v1", 1),
    ("capability_off", "request.failed.v1", 1),
    ("other_patient", "request.failed.v1", 1),
    ("broken", "request.rejected.v1", 1),
)


def mixed(count):
    chosen = random.Random(20261122).choices(MIX, weights=[weight for _, _, weight in MIX], k=count)
    for name, end, _ in chosen:
        number = "9990000019" if name == "broken" else BY_NAME[name].nhs_number
        yield cloud_event(record_request(number)), end


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("broker", "count"),
    [
        pytest.param("rabbit", 1000, marks=pytest.mark.rabbit),
        pytest.param("nats", 500, marks=pytest.mark.nats),
    ],
)
async def test_every_request_has_exactly_one_outcome(broker, count, request, tmp_path, monkeypatch):
    direct = request.getfixturevalue(f"{broker}_url")
    async with (
        running(SandboxOptions(state_dir=tmp_path, scenario_faults=True)) as sandbox,
        TcpProxy(direct) as link,
    ):
        environment = sandbox.environment | {
            "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:12]}",
            "BRIDGE_BUS_URL": link.url,
            "BRIDGE_PDS_RATE_PER_SECOND": "10000",
            "BRIDGE_STATE_DIR": str(tmp_path),
            "BRIDGE_STOP_GRACE": "10",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        ours = Settings.load()
        monkeypatch.setenv("BRIDGE_BUS_URL", direct)
        theirs = Settings.load()
        pipelines = installed_pipelines(["structured_record"])
        async with (
            open_bus(ours) as bus,
            open_bus(theirs) as hospital_bus,
            hospital_on(hospital_bus) as hospital,
            consuming(ours, pipelines, bus),
        ):
            requests = list(mixed(count))
            for event, _ in requests:
                await hospital.ask(event)
            await cut_and_wait(link, hospital, [event["id"] for event, _ in requests])
            check_outcomes(hospital, requests)
            queue = pipelines[0].queue(ours.bus.prefix)
            await settled(hospital_bus, queue)
            async with hospital_bus.letters(queue) as letters:
                # One whose confirm was cut off is parked again: the same letter, twice.
                parked = {found.letter.message.correlation_id async for found in letters}
    assert parked == {
        event["id"] for event, end in requests if end == "request.rejected.v1"
    }  # in = out + dead
    asked = Counter(call.nhs_number for call in sandbox.calls.of("practice"))
    for name in ("rich_record", "no_known_allergies", "withheld_items", "typical_size"):
        number = BY_NAME[name].nhs_number
        sent = sum(event["data"]["patient"]["nhs_number"] == number for event, _ in requests)
        assert asked[number] == sent, f"{name}: a cut must not repeat a call"


async def cut_and_wait(link, hospital, ids):
    """Cut each time another sixth of the requests is over, then wait for the rest."""
    async with asyncio.timeout(LONGEST):
        for cut in range(1, CUTS + 1):
            while sum(map(hospital.is_over, ids)) < cut * len(ids) / (CUTS + 1):
                await asyncio.sleep(0.05)
            link.cut()
        while not all(map(hospital.is_over, ids)):
            await asyncio.sleep(0.1)


def check_outcomes(hospital, requests):
    for event, end in requests:
        kinds: dict[str, set[str]] = {}
        for delivery, (kind, published) in zip(
            hospital.deliveries[event["id"]], hospital.events(event["id"]), strict=True
        ):
            assert delivery.id == published["id"]
            kinds.setdefault(kind, set()).add(published["id"])
        assert all(len(ids) == 1 for ids in kinds.values()), "a repeated event carries the id it had before"
        finals = kinds.keys() & {"record.completed.v1", "request.failed.v1", "request.rejected.v1"}
        assert finals == {end}


async def settled(bus, queue):
    async with asyncio.timeout(60):
        while True:
            depth = await bus.depth(queue)
            if not depth.ready and not depth.waiting:
                return
            await asyncio.sleep(0.2)
