"""The sums of `deploy/SCALE.md`, tried out: requests come at random, and wait where everything is taken.

A discrete-event simulation, of what `tests.load.sums` counts: workers with their places and one core each, a
PostgreSQL of some cores, practices that take their time. It confirms that what the sums plan for holds when
requests bunch, when one practice is slow, and when a node of the broker is away.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.load.guide import GUIDE, replace, table
from tests.load.sums import IN_FLIGHT, POSTGRES_CORES, RATES, Measurements, load, measured, mixed

Trouble = Literal["as usual", "one practice in 50 takes 20 s", "a broker node is away for 60 s"]
TROUBLES: Final[tuple[Trouble, ...]] = (
    "as usual",
    "one practice in 50 takes 20 s",
    "a broker node is away for 60 s",
)
SEED: Final = 7
MINUTES: Final = {10: 60.0, 1_000: 6.0, 100_000: 1.5}
"""That are simulated at each rate."""
_PRACTICES: Final = 50
_SLOW: Final = 0
_SLOW_SECONDS: Final = 20.0
_SILENT_PLACES: Final = 2
"""Of a worker, for a practice from which nothing comes back (`bridge.spine.bulkhead`)."""
_PAUSE: Final = 1.0
"""Seconds until a call that was held back comes again."""
_PRACTICE_SECONDS: Final = 1.0
"""Of a call, at the mean."""
_AWAY: Final = (60.0, 120.0)
_ELECTION: Final = 5.0
"""Seconds in which a queue whose leader is gone delivers nothing."""
_BROKER_NODES: Final = 3


@dataclass(slots=True)
class Station:
    """Something that so many may use at a time; the others wait in line."""

    places: int
    taken: int = 0
    line: deque[Callable[[], None]] = field(default_factory=deque)
    longest: int = 0

    def take(self, then: Callable[[], None]) -> None:
        """Do something as soon as there is a place."""
        if self.taken < self.places:
            self.taken += 1
            then()
        else:
            self.line.append(then)
            self.longest = max(self.longest, len(self.line))

    def give_back(self) -> None:
        if self.line:
            self.line.popleft()()
        else:
            self.taken -= 1


@dataclass(frozen=True, slots=True)
class SimulatedCourse:
    """What came of a run.

    Attributes:
        requests: that ended.
        waiting: the most that waited in the queue at one time.
        median, late, worst: seconds until the end, half, 95 of 100 and all of those to other practices than the slow one.
        slow: 95 of 100 of those to the slow one.
        left: that had not ended when no more came, a minute later.
    """

    requests: int
    waiting: int
    median: float
    late: float
    worst: float
    slow: float
    left: int


class Simulation:
    """One run: events in the order of their time."""

    def __init__(
        self, found: Measurements, per_minute: int, trouble: Trouble, minutes: float, workers: int
    ) -> None:
        self._one = mixed(found)
        self._trouble = trouble
        self._until = minutes * 60
        self._rate = per_minute / 60
        self._chance = random.Random(SEED)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.now = 0.0
        self._queue = Station(workers * IN_FLIGHT)
        self._cores = [Station(1) for _ in range(workers)]
        self._silent = [0] * workers
        self._postgres = Station(POSTGRES_CORES)
        self._undelivered = 0
        self._away: list[Callable[[], None]] = []
        self._waits: list[float] = []
        self._slow_waits: list[float] = []
        self._come = 0

    def run(self) -> SimulatedCourse:
        self._at(0.0, self._arrive)
        if self._trouble == "a broker node is away for 60 s":
            self._at(_AWAY[0] + _ELECTION, self._elected)
        while self._events and self.now < self._until + 60:
            self.now, _, step = heapq.heappop(self._events)
            step()
        waits, slow = sorted(self._waits), sorted(self._slow_waits)
        ended = len(waits) + len(slow)
        return SimulatedCourse(
            ended,
            max(self._queue.longest, self._undelivered),
            _share(waits, 0.5),
            _share(waits, 0.95),
            waits[-1],
            _share(slow, 0.95),
            self._come - ended,
        )

    def _at(self, moment: float, step: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (moment, self._count, step))

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        self._at(self.now + seconds, step)

    def _arrive(self) -> None:
        if self.now < self._until:
            self._after(self._chance.expovariate(self._rate), self._arrive)
            self._come += 1
            begun, practice = self.now, self._chance.randrange(_PRACTICES)
            worker = self._chance.randrange(len(self._cores))

            def deliver() -> None:
                self._queue.take(lambda: self._work(begun, practice, worker))

            # A third of the queues has its leader on the node that goes away.
            is_away = (
                self._trouble == "a broker node is away for 60 s"
                and self._chance.randrange(_BROKER_NODES) == 0
            )
            if is_away and _AWAY[0] <= self.now < _AWAY[0] + _ELECTION:
                self._away.append(deliver)
            else:
                deliver()

    def _elected(self) -> None:
        held, self._away = self._away, []
        self._undelivered = len(held)
        for deliver in held:
            deliver()

    def _work(self, begun: float, practice: int, worker: int) -> None:
        """On the worker's core, at the practice, in the ledger; then the place is free."""
        core = self._cores[worker]

        def computed() -> None:
            core.give_back()
            self._call(begun, practice, worker)

        busy = self._chance.expovariate(1000 / self._one.worker_ms)
        core.take(lambda: self._after(busy, computed))

    def _call(self, begun: float, practice: int, worker: int) -> None:
        is_slow = self._trouble == "one practice in 50 takes 20 s" and practice == _SLOW
        if is_slow and self._silent[worker] >= _SILENT_PLACES:
            self._queue.give_back()
            self._after(_PAUSE, lambda: self._queue.take(lambda: self._work(begun, practice, worker)))
            return
        mean = max(1.0, self._one.practice) * _PRACTICE_SECONDS
        seconds = _SLOW_SECONDS if is_slow else self._chance.expovariate(1 / mean)
        self._silent[worker] += is_slow

        def answered() -> None:
            self._silent[worker] -= is_slow
            busy = self._chance.expovariate(1000 / self._one.postgres_ms)
            self._postgres.take(lambda: self._after(busy, stored))

        def stored() -> None:
            self._postgres.give_back()
            self._queue.give_back()
            (self._slow_waits if is_slow else self._waits).append(self.now - begun)

        self._after(seconds, answered)


def simulated(found: Measurements, rates: Sequence[int] = RATES) -> str:
    """The part of the guide that says what came of it."""
    rows = []
    for rate in rates:
        workers = load(found, rate).workers
        for trouble in TROUBLES:
            each = Simulation(found, rate, trouble, MINUTES[rate], workers).run()
            slow = f"{each.slow:,.1f}" if each.slow else ""
            cells = (
                f"{each.requests:,}",
                f"{each.waiting:,}",
                f"{each.median:.1f}",
                f"{each.late:.1f}",
                f"{each.worst:.1f}",
                slow,
            )
            rows.append((f"{rate:,}, {workers:,} workers: {trouble}", *cells, f"{each.left:,}"))
    head = ("Requests a minute", "ended", "most waiting", "half within, s", "95 % within, s", "all within, s")
    return table((*head, "of the slow practice, s", "left over"), rows)


def _share(waits: Sequence[float], share: float) -> float:
    return waits[int(len(waits) * share)] if waits else 0.0


def main() -> None:
    replace(GUIDE, "simulated", simulated(measured(GUIDE.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
