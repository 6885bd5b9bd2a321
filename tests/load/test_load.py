"""An hour of requests of every kind: nothing a worker holds grows, and no answer comes later than at first.

``make load`` runs it (``LOAD_MINUTES=…``, ``LOAD_REQUESTS=…``) and writes what it saw into ``deploy/SCALE.md``. Requests begin at an
even pace, however long each takes, as they do in a hospital: a worker that slows down is not asked for less. What it holds is judged
at the end, by the slope of a line through everything after the first tenth, in which caches fill. The machine may have other
things to do, and more of them at the end: so a fixed loop is timed beside each sample, and what a request waits may grow by as
much as that does.
"""

import asyncio
import itertools
import json
import os
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.load.guide import GUIDE, Course, LoadFacts, write_load
from tests.load.samples import Sample, fixed_loop, growth, medians, sample
from tests.load.stage import Stage, stage, ward
from tests.load.traffic import CHAINS, Visit, Ward, people
from tests.support.processes import bridge

MINUTES: Final = float(os.environ.get("LOAD_MINUTES") or 0)
REQUESTS: Final = int(os.environ.get("LOAD_REQUESTS") or 20_000)
AT_ONCE: Final = 16
WEIGHTS: Final = {
    "record": 4,
    "whole record": 1,
    "care record": 1,
    "patient": 4,
    "document": 2,
    "appointment": 4,
}
"""How often each is begun, of sixteen; a document is two requests, an appointment five."""
PAUSE: Final = 5.0
"""Seconds between samples."""
MARGIN: Final = 0.10
"""The share by which anything may seem to grow that does not: memory lies where it happens to lie."""
LATENCY_MARGIN: Final = 0.25
"""The share by which what a request waits may grow, beside what the fixed loop does."""

_MOST_THREADS: Final = min(32, (os.cpu_count() or 1) + 4) + 4
"""Those of asyncio's pool, and the few that a worker has by itself."""
_REQUESTS_OF_A_CHAIN: Final = sum(weight * len(CHAINS[name]) for name, weight in WEIGHTS.items()) / sum(
    WEIGHTS.values()
)
_INTERVAL: Final = MINUTES * 60 * _REQUESTS_OF_A_CHAIN / (REQUESTS * (1 + MARGIN))
"""Seconds from one chain to the next: a tenth more requests than are asked for."""

pytestmark = [
    pytest.mark.rabbit,
    pytest.mark.timeout(0),
    pytest.mark.skipif(MINUTES == 0, reason="make load takes an hour"),
]


@dataclass
class Run:
    """What was seen of a run."""

    samples: list[Sample] = field(default_factory=list)
    loops: list[tuple[float, float]] = field(default_factory=list)
    waited: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    seconds: float = 0.0


@pytest.fixture(scope="module")
def running() -> Iterator[Stage]:
    with stage() as started:
        yield started


def test_nothing_grows_and_nothing_slows_down(running: Stage):
    run = asyncio.run(_load(running))
    artefacts = Path(".artefacts")
    artefacts.mkdir(exist_ok=True)
    (artefacts / "load.json").write_text(
        json.dumps(
            {"samples": [asdict(each) for each in run.samples], "loops": run.loops, "waited": run.waited}
        )
    )
    facts = _facts(run)
    print(facts)
    assert facts.requests >= REQUESTS
    # Pools have what their busiest moment needed: no more than their limits, however many requests.
    limits = {"database_connections": running.most_connections, "threads": _MOST_THREADS}
    for name, limit in limits.items():
        assert facts.held[name].last <= limit, f"{name} is over its limit: {facts.held[name]}"
    for name in facts.held.keys() - limits.keys():
        found = facts.held[name]
        assert found.growth <= MARGIN, f"{name} grows: {found}"
    for name, found in facts.waited.items():
        allowed = LATENCY_MARGIN + max(0.0, facts.machine.growth)
        assert found.growth <= allowed, f"{name} slows down: {found}"
    for command in (("ledger", "balance", "--json"), ("audit", "verify")):
        ended = bridge(*command, directory=running.worker.output.parent, environment=running.environment)
        assert ended.code == 0, ended
    if os.environ.get("LOAD") == "write":
        write_load(GUIDE, facts)


async def _load(running: Stage) -> Run:
    run = Run()
    begun = time.monotonic()
    connection = await asyncpg.connect(running.database)
    try:
        async with ward(running) as hospital:
            patients: asyncio.Queue[str] = asyncio.Queue()
            for number in people():
                patients.put_nowait(number)

            def is_over() -> bool:
                minutes = (time.monotonic() - begun) / 60
                return minutes >= MINUTES and _count(hospital) >= REQUESTS

            starts = itertools.count()

            async def next_start() -> None:
                """Until the next chain of requests begins: at once, if the worker is behind."""
                await asyncio.sleep(begun + next(starts) * _INTERVAL - time.monotonic())

            async def watch() -> None:
                while True:
                    await asyncio.sleep(PAUSE)
                    count = _count(hospital)
                    run.samples.append(await sample(running, connection, count))
                    run.loops.append((float(count), await asyncio.to_thread(fixed_loop)))

            watching = asyncio.create_task(watch())
            async with asyncio.TaskGroup() as everybody:
                for seed in range(AT_ONCE):
                    everybody.create_task(_work(hospital, random.Random(seed), patients, next_start, is_over))
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            run.waited = {name: list(enumerate(spent.seconds)) for name, spent in hospital.spent.items()}
    finally:
        await connection.close()
    run.seconds = time.monotonic() - begun
    return run


async def _work(
    hospital: Ward, chance: random.Random, patients: asyncio.Queue[str], next_start, is_over
) -> None:
    while not is_over():
        await next_start()
        [name] = chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
        # Nobody has two things done at once: they would wait for each other.
        patient = await patients.get()
        visit = Visit(patient, 1 + chance.randrange(20))
        for kind in CHAINS[name]:
            await kind.ask(hospital, visit)
        patients.put_nowait(patient)


def _count(hospital: Ward) -> int:
    return sum(spent.requests for spent in hospital.spent.values())


def _facts(run: Run) -> LoadFacts:
    settled = run.samples[len(run.samples) // 10 :]
    held = {
        name: [(float(each.requests), float(getattr(each, name))) for each in settled]
        for name in ("memory_mb", "files", "threads", "tasks", "database_connections", "sockets")
    }
    # What a worker holds goes up and down with what it has in hand: judged by the medians of parts.
    waited = {name: seconds[len(seconds) // 10 :] for name, seconds in run.waited.items()}
    return LoadFacts(
        requests=sum(map(len, run.waited.values())),
        seconds=run.seconds,
        held={name: _course(points) for name, points in held.items()},
        waited={name: _course(points) for name, points in waited.items()},
        machine=_course(run.loops[len(run.loops) // 10 :]),
    )


def _course(points: list[tuple[float, float]]) -> Course:
    return Course(_first(points), _last(points), growth(medians(points, 40)))


def _first(points: list[tuple[float, float]]) -> float:
    """The median of the first tenth."""
    return statistics.median(y for _, y in points[: max(1, len(points) // 10)])


def _last(points: list[tuple[float, float]]) -> float:
    return statistics.median(y for _, y in points[-max(1, len(points) // 10) :])
