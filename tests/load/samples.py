"""What a worker holds, sampled while it works; and whether it grows."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from tests.load.stage import Stage

_LOOP: Final = 300_000
MOST_POINTS: Final = 120
"""Points that a slope is drawn through at most: each pair of them is looked at."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a worker held after so many requests; its files and sockets without those of the database."""

    requests: int
    memory_mb: float
    files: int
    threads: int
    tasks: int
    database_connections: int
    sockets: int


async def sample(running: Stage, connection: Any, requests: int) -> Sample:
    """Look at the worker's process from outside."""
    process = Path(f"/proc/{running.worker.process.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    opened = [_target(entry) for entry in (process / "fd").iterdir()]
    sessions: int = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gpconnect-bridge'"
    )
    return Sample(
        requests=requests,
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
        files=len(opened) - sessions,
        threads=int(status["Threads"]),
        tasks=int(running.tasks.read_text()),
        database_connections=sessions,
        sockets=sum(name.startswith("socket:") for name in opened) - sessions,
    )


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def fixed_loop() -> float:
    """Seconds that always the same work takes: what else the machine has to do."""
    begun = time.perf_counter()
    sum(range(_LOOP))
    return time.perf_counter() - begun


def growth(points: Sequence[tuple[float, float]]) -> float:
    """By how much a line through points rises from the first to the last, as a share of their median.

    The line is Theil and Sen's, the median of the slopes of all pairs: a moment in which the machine did
    something else does not bend it.
    """
    step = max(1, len(points) // MOST_POINTS)
    chosen = list(points)[::step]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(chosen, 2) if x2 != x1]
    middle = statistics.median(y for _, y in chosen)
    if not slopes or middle == 0:
        return 0.0
    (first, _), (last, _) = chosen[0], chosen[-1]
    return statistics.median(slopes) * (last - first) / middle


def medians(points: Sequence[tuple[float, float]], parts: int) -> list[tuple[float, float]]:
    """The points in so many parts of the same length, each by its medians."""
    size = max(1, len(points) // parts)
    cut = [points[first : first + size] for first in range(0, len(points), size)]
    return [
        (statistics.median(x for x, _ in part), statistics.median(y for _, y in part))
        for part in cut
        if len(part) >= size / 2
    ]
