"""How far back a page looks, as a choice of its form."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from bridge.console.asked import PageRequest

CHOICES: Final = (
    ("1", "the last hour"),
    ("12", "the last 12 hours"),
    ("24", "the last 24 hours"),
    ("168", "the last 7 days"),
    ("720", "the last 30 days"),
)
LONGEST: Final = "720"
_HOURS: Final = {hours for hours, _ in CHOICES}


class LookBack(NamedTuple):
    """A period that ends now: the choice of it, its words, and when it began."""

    hours: str
    words: str
    since: datetime


def period(asked: PageRequest, default: str = "24") -> LookBack:
    """The period that the address names; else the usual one of the page."""
    return look_back(asked.filter("hours"), default)


def look_back(given: str | None, default: str) -> LookBack:
    """The period of so many hours, if it is one of the choices; else the usual one."""
    hours = given if given in _HOURS else default
    return LookBack(hours, dict(CHOICES)[hours], datetime.now(UTC) - timedelta(hours=int(hours)))
