"""What a practice holds of an area, one entry at a time, and what a search by date makes of it."""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bridge.sandbox.structured.checks import SearchPeriod

Json = dict[str, Any]


@dataclass(slots=True)
class HeldEntry:
    """One entry of the list of an area.

    Attributes:
        area: the parameter that asks for it.
        resource: what the list names.
        beside: what is always sent with it: results of a report, lists that hold a consultation together.
        linked: entries that it names, of any area; sent where the area brings them (structured.md §2.2).
        start: what a search by date looks at, as sent; None of one without a date.
        end: the same for an end; as the start where one date is all there is.
    """

    area: str
    resource: Json
    beside: list[Json] = field(default_factory=list)
    linked: list["HeldEntry"] = field(default_factory=list)
    start: str | None = None
    end: str | None = None

    def is_in(self, period: SearchPeriod | None) -> bool:
        """Whether a search for a period returns it: one without a date always, a partial one if it may be."""
        if period is None:
            return True
        if period.start is not None and self.start is not None and latest(self.start) < period.start:
            return False
        return not (period.end is not None and self.end is not None and earliest(self.end) > period.end)

    @property
    def everything(self) -> list[Json]:
        """The resource, and what is always sent with it."""
        return [self.resource, *self.beside]


def reference_to(resource: Json) -> str:
    """``Type/id``."""
    return f"{resource['resourceType']}/{resource['id']}"


def latest(text: str) -> date:
    """Last day of a date, dateTime or partial date."""
    parts = [int(part) for part in text.partition("T")[0].split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else 12
    day = parts[2] if len(parts) > 2 else monthrange(year, month)[1]  # noqa: PLR2004 - year, month, day
    return date(year, month, day)


def earliest(text: str) -> date:
    """First day of a date, dateTime or partial date."""
    year, month, day = [*(int(part) for part in text.partition("T")[0].split("-")), 1, 1][:3]
    return date(year, month, day)
