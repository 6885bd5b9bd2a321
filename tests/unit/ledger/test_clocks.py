"""A moment has passed when it has by either clock, and the second one sees what stood still."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from bridge.ledger.clocks import Deadline, uptime

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
UP = 5000.0
SUSPENDED = 1000


def deadline(seconds: float) -> Deadline:
    return Deadline.at(NOW + timedelta(seconds=seconds), now=NOW, uptime=UP)


@pytest.mark.parametrize(
    ("by_wall", "by_uptime", "left"),
    [
        (0, 0, 20),
        (5, 5, 15),
        (-3600, 15, 5),  # the wall clock was set back
        (3600, 15, -3580),  # or on
        (15, 0, 5),  # the machine stood still, and the second clock with it
        (-3600, 30, -10),
    ],
)
def test_whichever_clock_is_further_on_decides(by_wall: int, by_uptime: int, left: int):
    now = NOW + timedelta(seconds=by_wall)
    assert deadline(20).remains(now=now, uptime=UP + by_uptime) == left


def test_a_moment_that_has_passed_stays_so():
    assert deadline(-2).remains(now=NOW, uptime=UP) == -2


def test_the_second_clock_goes_on():
    first = uptime()
    time.sleep(0.01)
    assert uptime() - first >= 0.01


def test_the_second_clock_counts_the_time_that_a_machine_was_suspended():
    """As in a time namespace, where it is as though the machine had been suspended for so long."""
    if subprocess.run(["unshare", "--time", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a time namespace needs root")
    said = "import time; from bridge.ledger.clocks import uptime; print(uptime() - time.monotonic())"
    ahead = [
        float(subprocess.run([*before, sys.executable, "-c", said], capture_output=True, check=True).stdout)
        for before in ([], ["unshare", "--time", f"--boottime={SUSPENDED}"])
    ]
    assert ahead[1] - ahead[0] == pytest.approx(SUSPENDED, abs=60)
