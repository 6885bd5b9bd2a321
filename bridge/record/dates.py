"""Partial dates: reading them, and ordering them."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from bridge.record.common import PartialDate, Precision

# The offset is also sent without its colon.
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?", re.ASCII)
_YEAR, _MONTH, _DAY = len("2004"), len("2004-05"), len("2004-05-06")
_PRECISIONS: dict[int, Precision] = {_YEAR: "year", _MONTH: "month", _DAY: "day"}
_UK: Final = ZoneInfo("Europe/London")
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
_PLACEHOLDERS: Final = frozenset({"1899-12-30", "1899-12-31", "1900-01-01"})
"""Day zero of several date types. Their first and last days are told by the years below."""
_FIRST_YEAR, _LAST_YEAR = "1800", "9999"


def partial_date(value: str) -> PartialDate:
    """`value` with the precision it has; `unparsed` when it is no date of FHIR.

    A time without a zone is against FHIR but is sent, and is kept as an instant.
    """
    return {"value": value, "precision": _precision(value)}


def _precision(value: str) -> Precision:
    if not _DATE.fullmatch(value):
        return "unparsed"
    try:
        _first_moment(value)
    except ValueError:
        return "unparsed"
    if value[:_DAY] in _PLACEHOLDERS or not _FIRST_YEAR <= value < _LAST_YEAR:
        return "placeholder"
    return _PRECISIONS.get(len(value), "instant")


def _first_moment(value: str) -> datetime:
    if len(value) > _DAY:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    full = value if len(value) == _DAY else value + "-01" if len(value) == _MONTH else value + "-01-01"
    return datetime.fromisoformat(full + "T00Z")


def is_known(when: PartialDate) -> bool:
    """Whether `when` can be compared: it was read, and is no placeholder."""
    return when["precision"] not in ("unparsed", "placeholder")


def sort_key(when: PartialDate | None) -> tuple[str, datetime]:
    """What sorts dates by their day in the UK and the moment on it, whatever their offsets.

    What is no known date sorts first, and of a day what has no moment.
    """
    if when is None or not is_known(when):
        return "", _BEFORE_ALL
    if when["precision"] != "instant":
        return when["value"], _BEFORE_ALL
    moment = datetime.fromisoformat(when["value"])
    return uk_day(moment).isoformat(), moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def earliest(when: PartialDate) -> datetime | None:
    """The first moment that `when` can mean, in UTC where no zone was sent; None when it is not known."""
    return _first_moment(when["value"]) if is_known(when) else None


def uk_day(moment: datetime) -> date:
    """The day of a moment in the UK; as written where it has no zone."""
    return moment.date() if moment.tzinfo is None else moment.astimezone(_UK).date()


def days(when: PartialDate) -> tuple[date, date] | None:
    """The first and the last day that `when` can mean, in the UK; None when it is not known."""
    if not is_known(when):
        return None
    value, precision = when["value"], when["precision"]
    if precision == "instant":
        day = uk_day(datetime.fromisoformat(value))
        return day, day
    if precision == "day":
        day = date.fromisoformat(value)
        return day, day
    first = _first_moment(value).date()
    if precision == "year":
        return first, date(first.year, 12, 31)
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def rfc3339(moment: datetime) -> str:
    """A moment in UTC with milliseconds, as every message writes it: ``2026-11-22T09:00:01.250Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
