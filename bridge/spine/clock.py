"""The time as it is written into records and shown to people, and how far ours is from that of others."""

import statistics
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from bridge.record.dates import rfc3339

_SAMPLES: Final = 9
_SAMPLE_EVERY: Final = 10.0
"""Seconds between two samples: a clock drifts slowly, and reading a date costs something."""
_MIDDLE: Final = 0.5
"""A `Date` header is cut to whole seconds, so on average it is half a second old."""


def timestamp() -> str:
    """Now, in UTC, as RFC 3339 with milliseconds: ``2026-11-22T09:00:01.250Z``."""
    return rfc3339(datetime.now(UTC))


class ClockSkew:
    """How far our clock is from the national services', by the `Date` of their answers (SP-057).

    Tokens are refused when the two disagree by minutes; the resolution here is about a second.

    Args:
        clock: seconds since the epoch, UTC.
        elapsed: seconds, monotonic.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._sampled_at: float | None = None
        self._samples: deque[float] = deque(maxlen=_SAMPLES)

    def hear(self, http_date: str | None) -> None:
        """Compare with an answer that has just come."""
        now = self._elapsed()
        if http_date is None or (self._sampled_at is not None and now - self._sampled_at < _SAMPLE_EVERY):
            return
        try:
            theirs = parsedate_to_datetime(http_date).timestamp() + _MIDDLE
        except ValueError:
            return
        self._sampled_at = now
        self._samples.append(self._clock() - theirs)

    def seconds(self) -> float | None:
        """Positive when our clock is ahead: the median of the latest samples; None before the first."""
        return statistics.median(self._samples) if self._samples else None
