"""Workers that are killed every two seconds, one after the other."""

import asyncio
import itertools
import random

import pytest

from tests.faults.installation import PIPELINE, WHOLE
from tests.support.processes import worker

KILL_EVERY = 2.0
LONGEST = 400.0
SCENARIOS = ("rich_record", "no_known_allergies", "withheld_items", "restricted", "other_patient")


@pytest.mark.timeout(450)
@pytest.mark.parametrize(
    ("broker", "count"),
    [
        pytest.param("rabbit", 1000 if WHOLE else 200, marks=pytest.mark.rabbit),
        pytest.param("nats", 500 if WHOLE else 120, marks=pytest.mark.nats),
    ],
    indirect=["broker"],
)
async def test_a_worker_killed_every_two_seconds_loses_and_doubles_nothing(
    broker, count, installed, outages, tmp_path
):
    async with installed(broker, scenario_faults=True) as site:
        ids = await site.epr.ask(*random.Random(20261122).choices(SCENARIOS, k=count))
        assert await kill_until_over(site, ids, tmp_path, outages) >= 1
        ends = await site.accounts(ids)
    outages.saw("worker_killed", on=broker.title, ends=ends, fewer=not WHOLE)


async def kill_until_over(site, ids, folder, outages):
    """Run workers, each for two seconds or the first for less, until every request is over; how many were killed."""
    async with asyncio.timeout(LONGEST):
        for number in itertools.count():
            log = folder / f"worker-{number}.log"
            arguments = ("--pipeline", PIPELINE)
            with worker(site.environment, output=log, arguments=arguments) as started:
                outages.reads(log)
                killed_at = asyncio.get_running_loop().time() + KILL_EVERY
                while asyncio.get_running_loop().time() < killed_at:
                    over = sum(map(site.epr.is_over, ids))
                    if number == 0 and over * 4 >= len(ids):
                        break  # however fast it is, the first is killed at work
                    if over == len(ids):
                        assert await asyncio.to_thread(started.stop) == 0
                        return number
                    await asyncio.sleep(0.05)
                started.kill()
    raise AssertionError("unreachable")
