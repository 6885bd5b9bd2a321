"""What may stand in the `Parameters` of an operation; as light to import as it looks."""

from collections.abc import Mapping
from datetime import date

from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class DayPeriod:
    """Whole days, both included; a bound that is None is open."""

    start: date | None = None
    end: date | None = None


Value = bool | int | str | date | DayPeriod
Wanted = Mapping[str, Mapping[str, Value]]
"""Top-level parameter → its parts. A parameter without parts is sent by name alone, which is legal here."""
