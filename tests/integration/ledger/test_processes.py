"""Several workers in processes of their own: they race for requests, and are killed in the middle."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO, cast

import pytest
from sqlalchemy import Connection, text

from bridge.ledger import Ended, Ledger, open_ledger
from bridge.settings import Settings
from tests.integration.ledger.site import Clock, events, opening, sealer_in, started

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def worker(settings: Settings, *arguments: object, **more: str) -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")} | more
    environment["BRIDGE_STATE_DIR"] = str(settings.state_dir)
    if settings.ledger.url:
        environment["BRIDGE_LEDGER_URL"] = settings.ledger.url
    command = [sys.executable, "-m", "tests.integration.ledger.child", *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def output(process: subprocess.Popen[str]) -> TextIO:
    assert process.stdout is not None
    return cast("TextIO", process.stdout)


def test_each_request_goes_to_exactly_one_worker(settings: Settings):
    sealer_in(settings.state_dir)  # one key ring for all
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(worker(settings, "race", 40)) for _ in range(3)]
        for racer in workers:
            assert output(racer).readline() == "ready\n"
        for racer in workers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        claims = Counter(line.strip() for racer in workers for line in output(racer))
        assert [racer.wait() for racer in workers] == [0, 0, 0]
    assert claims == {f"started {number}": 1 for number in range(40)} | {
        f"running {number}": 2 for number in range(40)
    }


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_nothing_of_what_requests_write_goes_to_a_temporary_file(settings: Settings, tmp_path: Path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    untouched = temporary.stat().st_mtime_ns
    with worker(settings, "crowd", 600, SQLITE_TMPDIR=str(temporary)) as busy:
        assert output(busy).readline() == "ended 600\n"
    assert temporary.stat().st_mtime_ns == untouched


def kill_in_the_middle(settings: Settings, first: int, steps: int) -> dict[int, str]:
    """The last that a worker said of each request before it was killed, after so many steps."""
    said: dict[int, str] = {}
    with worker(settings, "work", first) as victim:
        for count, line in enumerate(output(victim), start=1):
            step, number = line.split()
            said[int(number)] = step
            if count == steps:
                victim.kill()
    return said


async def test_a_killed_worker_leaves_every_request_whole(settings: Settings, clock: Clock):
    sealer = sealer_in(settings.state_dir)
    said: dict[int, str] = {}
    for round_ in range(3):
        said |= await asyncio.to_thread(kill_in_the_middle, settings, 1000 * round_, 31 + 7 * round_)
    clock.now = datetime.now(UTC) + timedelta(hours=1)  # their leases have run out
    async with open_ledger(settings, sealer, clock=clock) as ledger:
        for number, step in said.items():
            await check_kept(ledger, number, step)
        left = (await ledger.oversight.draw_balance()).in_flight
        assert (await ledger.oversight.survey()).running == left
        for number in await in_flight(ledger):
            claim = started(await ledger.begin(opening(number)))
            assert claim.taken_over
            assert [intent.payload for intent in claim.intents] in ([], [b"{}"])
            await ledger.finish(claim.lease, state="failed", code="internal", events=events(number))
        balance = await ledger.oversight.draw_balance()
        assert (balance.failed, balance.in_flight) == (left, 0)
        assert balance.received == balance.completed + balance.failed
        assert await is_sound(ledger)


async def check_kept(ledger: Ledger, number: int, step: str) -> None:
    """What was confirmed is there, whole."""
    history = await ledger.oversight.request_history(opening(number).request_key)
    assert history is not None
    assert [intent.kind for intent in history.intents] == ["appointment.book"]
    if step == "intended" and history.state == "in_flight":
        assert (list(history.events), history.attempts[0].outcome) == ([], None)
        return
    assert history.state == "completed"
    assert [event.id for event in history.events] == [event.id for event in events(number)]
    assert [len(attempt.calls) for attempt in history.attempts] == [2]
    if step == "published":
        assert await ledger.begin(opening(number)) == Ended("completed", None, [])


async def in_flight(ledger: Ledger) -> list[int]:
    keys = await ledger.store.read(
        lambda connection: connection.scalars(
            text("SELECT request_key FROM requests WHERE state = 'in_flight'")
        ).all()
    )
    return [int(key.rpartition("-")[2]) for key in keys]


async def is_sound(ledger: Ledger) -> bool:
    """As far as SQLite can tell; PostgreSQL would not have started."""

    def step(connection: Connection) -> bool:
        if connection.dialect.name == "postgresql":
            return True
        found = connection.scalar(text("PRAGMA integrity_check"))
        return found == "ok" and not connection.execute(text("PRAGMA foreign_key_check")).all()

    return await ledger.store.read(step)
