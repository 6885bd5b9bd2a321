"""The clock of a worker's machine is set while requests are in flight, wait, and come."""

import contextlib
import sqlite3

from bridge.sandbox import FaultKind, InjectedFault
from tests.faults.installation import PIPELINE, until
from tests.support.processes import worker
from tests.support.shifted_clock import ShiftedClock

ONLY = ("--pipeline", PIPELINE)
SETTINGS = {"BRIDGE_RETRY_FIRST_DELAY": "2", "BRIDGE_SPINE_READ_TIMEOUT": "60"}
HOUR = 3600
BACK = -200
"""More than clocks may differ, and less than a token lives."""
SLOW, RETRIED = "rich_record", "no_known_allergies"


async def test_a_clock_that_is_set_holds_nobody_up(any_broker, installed, outages, tmp_path):
    clock = ShiftedClock(tmp_path)
    async with installed(any_broker, settings=SETTINGS, proxy_timeout=60.0) as site:
        environment = site.environment | clock.environment
        log = tmp_path / "worker.log"
        with worker(environment, output=log, arguments=ONLY, fresh=True) as ahead:
            outages.reads(log)
            site.fault(SLOW, InjectedFault(delay=60, times=1))
            ids = await site.epr.ask(SLOW)
            await until(lambda: site.asked_of_practices(SLOW))
            clock.set(HOUR)
            await until(lambda: lease_seconds(site) > HOUR / 2)
            ids += await site.epr.ask(RETRIED)
            await site.epr.over(ids[1:])
            ahead.kill()
        clock.set(0)
        with worker(environment, output=log, arguments=ONLY, fresh=True):
            await site.epr.over(ids)  # nobody believes a lease of an hour
            site.fault(RETRIED, InjectedFault(FaultKind.STATUS, status=503, times=1))
            ids += await site.epr.ask(RETRIED)
            await until(lambda: site.holds(waiting=1))
            clock.set(BACK)
            await site.epr.over(ids)  # nor that a pause of two seconds lasts for minutes
            ends = await site.accounts(ids)
    outages.saw("clock_set", on=any_broker.title, ends=ends)


def lease_seconds(site):
    """How far ahead the lease ends that a worker holds, by our own clock."""
    with contextlib.closing(sqlite3.connect(site.settings.state_dir / "ledger.db")) as ledger:
        ((seconds,),) = ledger.execute(
            "SELECT (julianday(lease_until) - julianday('now')) * 86400 FROM requests"
        )
    return seconds or 0
