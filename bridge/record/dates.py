"""Partial dates: reading them, and ordering them."""

import re
from datetime import UTC, date, datetime

from bridge.record.common import PartialDate, Precision

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?", re.ASCII)
_YEAR, _MONTH, _DAY = len("2004"), len("2004-05"), len("2004-05-06")
_PRECISIONS: dict[int, Precision] = {_YEAR: "year", _MONTH: "month", _DAY: "day"}


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
    return _PRECISIONS.get(len(value), "instant")


def _first_moment(value: str) -> datetime:
    if len(value) > _DAY:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    full = value if len(value) == _DAY else value + "-01" if len(value) == _MONTH else value + "-01-01"
    day = date.fromisoformat(full)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def sort_text(when: PartialDate | None) -> str:
    """A text that sorts dates by day and time as they were written; what is no date sorts first."""
    return "" if when is None or when["precision"] == "unparsed" else when["value"]


def earliest(when: PartialDate) -> datetime | None:
    """The first moment that `when` can mean, in UTC where no zone was sent; None when unparsed."""
    return None if when["precision"] == "unparsed" else _first_moment(when["value"])


def rfc3339(moment: datetime) -> str:
    """A moment in UTC with milliseconds, as every message writes it: ``2026-11-22T09:00:01.250Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
