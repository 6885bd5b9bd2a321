"""Moments that pass by two clocks: what may be done until then is judged by whichever of them is further on.

A wall clock can be set back; a monotonic one does not see that a virtual machine stood still beneath it.
Neither is believed alone where a mistake would do something twice.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.values import dataclass

Clock = Callable[[], datetime]
Uptime = Callable[[], float]

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has a clock for it; elsewhere the monotonic one must do."""


def utc_now() -> datetime:
    """The wall clock. Workers that share a ledger must be synchronised, as Spine demands anyway."""
    return datetime.now(UTC)


def uptime() -> float:
    """Seconds that go on while a process is stopped, and on Linux also while the machine is suspended."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment by both clocks.

    Attributes:
        wall: in UTC, or of any other zone.
        uptime: in seconds, as `uptime` counts them.
    """

    wall: datetime
    uptime: float

    @classmethod
    def at(cls, moment: datetime, *, now: datetime, uptime: float) -> "Deadline":
        """A moment of the wall clock, given what both clocks say now."""
        return cls(moment, uptime + (moment - now) / timedelta(seconds=1))

    def remains(self, *, now: datetime, uptime: float) -> float:
        """Seconds until it has passed by one of the clocks; negative afterwards."""
        return min((self.wall - now) / timedelta(seconds=1), self.uptime - uptime)
