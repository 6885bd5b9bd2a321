"""An EPR that imports what is published: its copy is the practice's record, whatever breaks meanwhile.

Records change between requests, two of which are about one patient at the same time; each request comes once or twice,
the worker is killed and its broker cut off. What comes of it is handed to the importer in any order, and some of
it twice. ``make imports`` asks 2,000 times of several workers.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Self
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.engine.patient_keys import PatientKeys
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings.table import RENDERINGS
from bridge.sandbox import BY_NAME, RunningSandbox, SandboxOptions, running
from bridge.sandbox.structured.record import Record
from bridge.settings import Settings
from tests.faults.importing.importer import Chart, Importer
from tests.faults.importing.practice import (
    CHANGES,
    PATIENTS,
    Facts,
    active_codes,
    coded,
    codes_of_messages,
    facts_of,
    facts_of_items,
    facts_of_resources,
)
from tests.support.hospital import Hospital, hospital_on
from tests.support.postgres import fresh_database
from tests.support.processes import Child, worker
from tests.support.requests import cloud_event, record_request
from tests.support.tcp_proxy import TcpProxy

SEED = os.environ.get("IMPORTS_SEED") or str(random.randrange(10**6))
REQUESTS = int(os.environ.get("IMPORTS_REQUESTS", "40"))
IS_LARGE = REQUESTS > 500
WORKERS = 3 if IS_LARGE else 1
PATIENCE = 600 if IS_LARGE else 60
"""Seconds until a request counts as lost: a machine with much else to do is no fault."""
AT_ONCE = 2
"""Requests about one patient at the same time."""
PIPELINE = "structured_record"
ALLERGIES = random.Random(f"allergies {SEED}").choice(("snapshot", "changes"))
"""In HL7 v2: of some runs as lists, of others as updates."""
SETTINGS = {
    "BRIDGE_RENDERINGS": ",".join(RENDERINGS),
    "BRIDGE_HL7V2_ALLERGIES": ALLERGIES,
    "BRIDGE_PDS_RATE_PER_SECOND": "1000",
    "BRIDGE_RETRY_FIRST_DELAY": "0.2",
    "BRIDGE_RETRY_MAX_DELAY": "0.5",
    "BRIDGE_LEDGER_LEASE_SECONDS": "2",
    "BRIDGE_LOG_LEVEL": "warning",
}


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Several workers share a database; one has a file."""
    if not IS_LARGE:
        yield None
        return
    with fresh_database(request.getfixturevalue("postgres_server")) as url:
        yield url


class Crew:
    """Workers, and what happens to them: as many things as there are, evenly among the requests."""

    def __init__(self, environment: dict[str, str], folder: Path, proxy: TcpProxy) -> None:
        self._environment = environment
        self._folder = folder
        self._proxy = proxy
        self._running: list[tuple[ExitStack, Child]] = []
        self._asked = 0
        self.killed = 0
        self.cut = 0

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(self._add() for _ in range(WORKERS)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for stack, child in self._running:
            child.kill()  # nothing is left to do
            stack.close()

    async def asked(self) -> None:
        """One request more is under way."""
        self._asked += 1
        if self._asked % 100 == 10:
            self.cut += 1
            self._proxy.cut()
        if self._asked % 100 == 20:
            self.killed += 1
            stack, child = self._running.pop(0)
            child.kill()
            stack.close()
            await self._add()

    async def _add(self) -> None:
        stack = ExitStack()
        log = self._folder / f"worker-{uuid4().hex[:8]}.log"
        starting = worker(self._environment, output=log, arguments=["--pipeline", PIPELINE])
        self._running.append((stack, await asyncio.to_thread(stack.enter_context, starting)))


async def visits(
    name: str, rounds: int, sandbox: RunningSandbox, hospital: Hospital, crew: Crew, chance: random.Random
) -> int:
    """Somebody is seen again and again, and the practice writes something down in between; how many were asked."""
    number = BY_NAME[name].nhs_number
    asked = 0
    for _ in range(rounds):
        change = chance.choice(CHANGES)
        sandbox.change_record(number, partial(change, chance))
        requests = [cloud_event(record_request(number), correlationid=f"c-{uuid4()}") for _ in range(AT_ONCE)]
        for request in requests:
            for copy in range(chance.choice((1, 2))):
                await hospital.ask(request, message_id=f"{request['id']}-{copy}")
            asked += 1
            await crew.asked()
        for request in requests:
            await told(hospital, request["correlationid"])
    return asked


async def told(hospital: Hospital, correlation_id: str) -> None:
    """Wait until a request is over."""
    async with asyncio.timeout(PATIENCE), hospital.changed:
        await hospital.changed.wait_for(lambda: hospital.is_over(correlation_id))


def everything(hospital: Hospital, chance: random.Random) -> list[bytes]:
    """What was published, in any order, some of it twice."""
    bodies = [each.body for deliveries in hospital.deliveries.values() for each in deliveries]
    bodies += [body for body in bodies if chance.random() < 0.2]
    chance.shuffle(bodies)
    return bodies


@pytest.mark.rabbit
@pytest.mark.timeout(0 if IS_LARGE else 120)
async def test_the_copy_of_an_epr_is_the_record_of_the_practice(rabbit_url, ledger_url, tmp_path):
    print(f"\nmake imports SEED={SEED} REQUESTS={REQUESTS}, allergies as {ALLERGIES}")  # shown when it fails
    chance = random.Random(SEED)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(running(SandboxOptions(state_dir=tmp_path)))
        proxy = await stack.enter_async_context(TcpProxy(rabbit_url))
        environment = {
            **sandbox.environment,
            **SETTINGS,
            "BRIDGE_BUS_URL": rabbit_url,
            "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
            "BRIDGE_STATE_DIR": str(tmp_path),
            **({"BRIDGE_LEDGER_URL": ledger_url} if ledger_url else {}),
        }
        settings = Settings.load(environ=environment)
        bus = await stack.enter_async_context(open_bus(settings))
        hospital = await stack.enter_async_context(hospital_on(bus))
        for pipeline in installed_pipelines([PIPELINE]):
            await bus.declare(pipeline.queue(environment["BRIDGE_BUS_PREFIX"]))
        crew = await stack.enter_async_context(
            Crew({**environment, "BRIDGE_BUS_URL": proxy.url}, tmp_path, proxy)
        )
        rounds = REQUESTS // len(PATIENTS) // AT_ONCE or 1
        asked = await asyncio.gather(
            *(visits(name, rounds, sandbox, hospital, crew, chance) for name in PATIENTS)
        )
        importer = Importer()
        for body in everything(hospital, chance):
            importer.take(body)
        assert (len(importer.imported), importer.unfinished) == (sum(asked), 0), "each once, and whole"
        assert len(set(importer.imported)) == len(importer.imported)
        assert importer.repeats > 0
        assert min(crew.killed, crew.cut) > 0
        held = held_now(sandbox, settings)
        assert importer.charts.keys() == held.keys()
        for key, chart in importer.charts.items():
            compare(chart, held[key])


def held_now(sandbox: RunningSandbox, settings: Settings) -> dict[str, dict[str, Facts]]:
    """What the practice holds of everybody, by the key of the patient."""
    keys = PatientKeys(settings.patient_key or "")
    held: dict[str, dict[str, Facts]] = {}
    for name in PATIENTS:
        number = BY_NAME[name].nhs_number
        look = partial(_look, held, keys.of(number))
        sandbox.change_record(number, look)
    return held


def _look(held: dict[str, dict[str, Facts]], key: str, record: Record) -> None:
    held[key] = facts_of(record)


def compare(chart: Chart, held: dict[str, Facts]) -> None:
    """Hold both copies of a patient's record to what the practice holds now."""
    for area, facts in held.items():
        _, items = chart.whole[area]
        copy = chart.changes[area]
        assert chart.waiting[area] == {}, "no event of changes is missing"
        assert facts_of_items(area, items) == facts
        assert facts_of_resources(area, chart.r4[1]) == coded(facts)
        if area == "allergies":
            assert codes_of_messages(chart.v2[1]) == active_codes(coded(facts))
            assert all(is_told_of(name, chart.v2[1]) for name in chart.updated), "in an update, or in words"
        assert copy.returned == items, "changes lead to the same as the events themselves"
        assert chart.ever[area] <= copy.items.keys(), "what did not come again is kept"
        assert copy.not_returned.keys() == copy.items.keys() - items.keys()


def is_told_of(identifier: str, messages: list[str]) -> bool:
    """Whether a reader of an answer learns of an allergy that it holds: it is active, or why it did not come."""
    return any(f"|{identifier}|" in message or f"Identifier: {identifier}" in message for message in messages)
