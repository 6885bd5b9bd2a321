"""A week of appointments in which everything goes wrong; `make week SEED=…` for a whole one.

People have appointments booked, amended, moved and cancelled at two practices by several workers, which are
killed again and again; each message comes two or three times; every fault of the sandbox strikes at random, and
a practice is away altogether now and then. In the end the practices' books, the events and the ledger must agree.

What is asked and what goes wrong with which call is drawn from the seed; what happens at the same time is not.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.ledger import open_ledger
from bridge.ledger.keys import open_keys
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import FaultKind, InjectedFault, RunningSandbox, SandboxOptions, Storm, running
from bridge.settings import Settings
from tests.faults.week.judge import Evidence
from tests.faults.week.people import PRACTICES, Asked, Offers, Person, everybody
from tests.support.hospital import Hospital, hospital_on
from tests.support.kept_results import WEEK, keep
from tests.support.postgres import fresh_database
from tests.support.processes import Child, worker
from tests.support.reception import Reception

SEED = os.environ.get("WEEK_SEED") or str(random.randrange(10**6))
OPERATIONS = int(os.environ.get("WEEK_OPERATIONS", "45"))
EACH = 5
"""Operations of one person."""
AT_ONCE = 40
"""People who have something done at the same time."""
WORKERS = 2
PIPELINES = ["appointments", "patients"]
SETTINGS = {
    "BRIDGE_PDS_RATE_PER_SECOND": "1000",
    "BRIDGE_RETRY_FIRST_DELAY": "0.2",
    "BRIDGE_RETRY_MAX_DELAY": "0.5",
    # Longer than the proxy waits and late work takes: what is settled sooner may still be done afterwards.
    "BRIDGE_RETRY_SETTLE_AFTER": "1.6",
    "BRIDGE_RETRY_CHECK_PAUSE": "1",
    "BRIDGE_SPINE_CIRCUIT_FAILURES": "20",
    "BRIDGE_SPINE_CIRCUIT_PAUSE": "0.5",
    "BRIDGE_SPINE_CALL_TIMEOUT": "5",
    "BRIDGE_LEDGER_LEASE_SECONDS": "2",
    "BRIDGE_LOG_LEVEL": "warning",
}


@pytest.fixture
def ledger_url(postgres_server: str) -> Iterator[str]:
    """A database of our own: several workers share it."""
    with fresh_database(postgres_server) as url:
        yield url


class Crew:
    """Workers that share the work; whoever is killed is replaced."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._running: list[tuple[ExitStack, Child]] = []
        self.killed = 0

    async def start(self) -> None:
        await asyncio.gather(*(self._add() for _ in range(WORKERS)))

    async def lose_one_now_and_then(self, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.uniform(1, 4))
            stack, child = self._running.pop(chance.randrange(len(self._running)))
            child.kill()
            stack.close()
            self.killed += 1
            await self._add()

    def stop(self) -> None:
        for stack, child in self._running:
            child.stop()
            stack.close()

    async def _add(self) -> None:
        stack = ExitStack()
        log = self._folder / f"worker-{uuid4().hex[:8]}.log"
        arguments = [argument for name in PIPELINES for argument in ("--pipeline", name)]
        starting = worker(self._environment, output=log, arguments=arguments)
        child = await asyncio.to_thread(stack.enter_context, starting)
        self._running.append((stack, child))


async def practices_away_now_and_then(sandbox: RunningSandbox, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(3, 6))
        away = InjectedFault(chance.choice((FaultKind.RESET, FaultKind.DROP)), lasts=chance.uniform(0.5, 1.5))
        sandbox.fault(chance.choice(PRACTICES), away)


async def weather(sandbox: RunningSandbox, people: list[Person]) -> None:
    """Faults at random until everything has been asked for; what is in doubt then must end by itself."""
    sandbox.storm(Storm(seed=int(SEED), probability=0.06))
    while sum(len(person.asked) for person in people) < len(people) * EACH:
        await asyncio.sleep(0.2)
    sandbox.clear_faults()


@contextmanager
def exported(environment: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@pytest.mark.rabbit
@pytest.mark.timeout(0 if OPERATIONS > 500 else 180)
@pytest.mark.duty("AP-034", "SP-037")
async def test_no_appointment_is_doubled_lost_or_made_up(rabbit_url, ledger_url, tmp_path):
    print(f"\nmake week SEED={SEED} OPERATIONS={OPERATIONS}")  # shown when it fails
    count = OPERATIONS // EACH
    async with running(SandboxOptions(state_dir=tmp_path, proxy_timeout=1.0, patients=count)) as sandbox:
        environment = {
            **sandbox.environment,
            **SETTINGS,
            "BRIDGE_BUS_URL": rabbit_url,
            "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
            "BRIDGE_LEDGER_URL": ledger_url,
            "BRIDGE_STATE_DIR": str(tmp_path),
        }
        with exported(environment):
            settings = Settings.load()
        async with open_bus(settings) as bus, hospital_on(bus) as hospital:
            for pipeline in installed_pipelines(PIPELINES):
                await bus.declare(pipeline.queue(settings.bus.prefix))
            crew = Crew(environment, tmp_path)
            await crew.start()
            try:
                people = await live_through_it(sandbox, crew, hospital, count)
            finally:
                crew.stop()
        asked = list(everybody(people))
        evidence = Evidence(
            asked,
            {one.id: hospital.events(one.id) for one in asked},
            {ods: sandbox.diary(ods) for ods in PRACTICES},
            await known_of(settings, asked),
        )
    in_doubt = sum(
        any(kind == "appointment.in_doubt.v1" for kind, _ in found) for found in evidence.published.values()
    )
    print(f"{len(asked)} requests, {in_doubt} in doubt for a while, {crew.killed} workers killed")
    print("\n".join(f"{number:6} {end}" for end, number in evidence.ends().most_common()))
    assert evidence.faults() == []
    assert crew.killed
    keep(
        WEEK,
        {
            "seed": SEED,
            "requests": len(asked),
            "in_doubt": in_doubt,
            "killed": crew.killed,
            "ends": dict(evidence.ends().most_common()),
        },
    )


async def live_through_it(
    sandbox: RunningSandbox, crew: Crew, hospital: Hospital, count: int
) -> list[Person]:
    """Everybody's week, to the end of the last request."""
    reception = Reception(hospital, patience=None)
    offers = Offers(reception)
    people = [
        Person(reception, offers, one.nhs_number, one.practice_ods, SEED) for one in sandbox.crowd[:count]
    ]
    troubles = [
        asyncio.create_task(crew.lose_one_now_and_then(random.Random(f"{SEED}/crew"))),
        asyncio.create_task(practices_away_now_and_then(sandbox, random.Random(f"{SEED}/away"))),
    ]
    places = asyncio.Semaphore(AT_ONCE)

    async def live(person: Person) -> None:
        async with places:
            await person.live(EACH)

    try:
        await asyncio.gather(*map(live, people), weather(sandbox, people))
    finally:
        for trouble in troubles:
            trouble.cancel()
        await asyncio.gather(*troubles, return_exceptions=True)
    return people


async def known_of(settings: Settings, asked: list[Asked]):
    keys = open_keys(settings)
    async with open_ledger(settings, AesGcmSealer(keys.vault)) as ledger:
        balance = await ledger.oversight.draw_balance()
        assert balance.holds, balance
        assert balance.in_doubt == balance.waiting == balance.in_flight == 0
        known = {
            one.id: await ledger.oversight.request_history(f"{one.message['source']} {one.id}")
            for one in asked
        }
    assert None not in known.values()
    return known
