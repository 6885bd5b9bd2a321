"""Checks of the values that parts of parameters hold (structured.md §1.2)."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

Json = dict[str, Any]

_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadParameters(Exception):  # noqa: N818 - named for what it is about
    """A rule that the Parameters break, and the Spine code it is answered with."""

    def __init__(self, rule: str, code: str = "INVALID_PARAMETER") -> None:
        super().__init__(rule)
        self.code = code


class SearchPeriod(NamedTuple):
    """Whole days, both included; a bound that was not sent is open (OD-23)."""

    start: date | None
    end: date | None


CheckPart = Callable[[str, Json, date], Any]
"""Name of a part, the part and the day of today; the value, or `BadParameters`."""


def value_of(name: str, part: Json, key: str, kind: type) -> Any:
    """The value of a part, of the type that it must have."""
    value = part.get(key)
    if value is None or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadParameters(f"{name} needs a {key}")
    return value


def boolean(name: str, part: Json, _: date) -> bool:
    """A boolean."""
    return bool(value_of(name, part, "valueBoolean", bool))


def positive(name: str, part: Json, _: date) -> int:
    """A whole number of at least one."""
    value: int = value_of(name, part, "valuePositiveInt", int)
    if value < 1:
        raise BadParameters(f"{name} must be at least 1")
    return value


def status(name: str, part: Json, _: date) -> str:
    """The status of a problem."""
    value: str = value_of(name, part, "valueCode", str)
    if value not in {"active", "inactive"}:
        raise BadParameters(f"{name} must be active or inactive")
    return value


def _date(name: str, text: str) -> date:
    if not _FULL_DATE.fullmatch(text):
        raise BadParameters(f"{name} must be a whole date")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadParameters(f"{name} is not a day of the calendar") from None


def past_date(name: str, part: Json, today: date) -> date:
    """A whole day, not in the future."""
    value = _date(name, value_of(name, part, "valueDate", str))
    if value > today:
        raise BadParameters(f"{name} must not be in the future")
    return value


def future_date(name: str, part: Json, today: date) -> date:
    """A whole day, not in the past."""
    value = _date(name, value_of(name, part, "valueDate", str))
    if value < today:
        raise BadParameters(f"{name} must not be in the past")
    return value


def past_period(name: str, part: Json, today: date) -> SearchPeriod:
    """A Period of whole days, not in the future."""
    sent = value_of(name, part, "valuePeriod", dict)
    start, end = (_date(name, str(sent[bound])) if bound in sent else None for bound in ("start", "end"))
    if start is None and end is None:
        raise BadParameters(f"{name} needs a start or an end")
    if any(bound is not None and bound > today for bound in (start, end)):
        raise BadParameters(f"{name} must not be in the future")
    if start is not None and end is not None and start > end:
        raise BadParameters(f"{name} must not end before it starts")
    return SearchPeriod(start, end)
