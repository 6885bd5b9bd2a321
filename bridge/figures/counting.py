"""Counters and histograms of one worker: a dictionary each, which is made into series when somebody asks.

Those of Prometheus's own library take a lock and three calls for each number; a request counts some fifty.
Here all is counted in the thread of the event loop, where events are recorded, so no lock is needed.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import inf
from typing import Final

from bridge.figures.table import FIGURES
from bridge.figures.text import Family, Labels, Sample


class Counter:
    """How often something happened.

    Args:
        name: of the figure.
    """

    def __init__(self, name: str) -> None:
        self._name: Final = name
        # One without labels is a series from the start, so that its growth is seen.
        self._counted: dict[Labels, float] = {} if FIGURES[name].labels else {(): 0.0}

    def add(self, *labels: str, times: float = 1.0) -> None:
        """It happened; with 0 times there is a series, before there is anything to count."""
        self._counted[labels] = self._counted.get(labels, 0.0) + times

    def told(self) -> Family:
        """All its series as they are now."""
        return Family(self._name, [Sample(*each) for each in self._counted.items()])


class Histogram:
    """How long something took.

    Args:
        name: of the figure.
        bounds: of the buckets, in seconds.
    """

    def __init__(self, name: str, bounds: Sequence[float]) -> None:
        self._name: Final = name
        self._bounds: Final = (*bounds, inf)
        self._counted: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def begin(self, *labels: str) -> None:
        """Have a series, before there is anything to observe."""
        if labels not in self._counted:
            self._counted[labels] = [0] * len(self._bounds)
            self._sums[labels] = 0.0

    def observe(self, seconds: float, *labels: str) -> None:
        """It took so long."""
        if labels not in self._counted:
            self.begin(*labels)
        self._counted[labels][bisect_left(self._bounds, seconds)] += 1
        self._sums[labels] += seconds

    def told(self) -> Family:
        """All its series as they are now."""
        samples: list[Sample] = []
        for labels, counted in self._counted.items():
            up_to = list(accumulate(counted))
            samples += (
                Sample(labels, count, "_bucket", bound)
                for bound, count in zip(self._bounds, up_to, strict=True)
            )
            samples += Sample(labels, up_to[-1], "_count"), Sample(labels, self._sums[labels], "_sum")
        return Family(self._name, samples)


def counters() -> Mapping[str, Counter]:
    """One for each figure that is counted, by its name."""
    return {name: Counter(name) for name, figure in FIGURES.items() if figure.kind == "counter"}
