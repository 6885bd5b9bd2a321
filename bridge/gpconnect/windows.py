"""Stretches of time to look for slots in, cut into the fortnights that practices allow.

Times are the United Kingdom's: an offset belongs to each moment, so a window over a clock change has a
different one at each end (AP-004).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from bridge.values import dataclass

LONDON: Final = ZoneInfo("Europe/London")
_FORTNIGHT: Final = timedelta(days=14)
_SEAM: Final = timedelta(days=1)
"""By which two searches in a row overlap: a slot is found only where it lies wholly inside one of them, and
no slot is longer. Those in the overlap are found twice and kept once."""


@dataclass(frozen=True, slots=True)
class Window:
    """From one moment to another, later one; both in UTC, whatever they were given in.

    Raises:
        ValueError: a moment has no offset, or the end is not after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a moment needs its offset")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError("must end after it starts")

    @classmethod
    def of(cls, start: date, end: date) -> Self:
        """From a day or moment to a day, which counts whole, or a moment."""
        last = end if isinstance(end, datetime) else _midnight(end + timedelta(days=1))
        return cls(start if isinstance(start, datetime) else _midnight(start), last)

    def not_before(self, moment: datetime) -> Self | None:
        """What of it lies after a moment, to whole seconds; None when nothing does."""
        start = max(self.start, moment.astimezone(UTC).replace(microsecond=0))
        return type(self)(start, self.end) if start < self.end else None

    def fortnights(self) -> Iterator["Window"]:
        """Windows of at most two weeks, by the calendar and by the clock, that together cover this one.

        Each begins before the one before it ends, so that no slot falls between two (AP-007).
        """
        start = self.start
        while True:
            end = min(self.end, _fortnight_after(start))
            yield Window(start, end)
            if end == self.end:
                return
            start = end - _SEAM


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON)


def _fortnight_after(start: datetime) -> datetime:
    """When the clocks change, two weeks by the calendar are an hour more or less; providers count either."""
    day = start.astimezone(LONDON) + _FORTNIGHT
    by_calendar = day.astimezone(UTC)
    # A time that the clocks skip in March is read as the one an hour later, which would be too long.
    skipped = by_calendar.astimezone(LONDON).replace(tzinfo=None) - day.replace(tzinfo=None)
    return min(start + _FORTNIGHT, by_calendar - skipped)


def local(moment: datetime) -> str:
    """A moment as practices take it: ``2026-10-24T09:00:00+01:00``."""
    return moment.astimezone(LONDON).isoformat(timespec="seconds")


def today() -> date:
    """The day it is in the practices."""
    return datetime.now(LONDON).date()
