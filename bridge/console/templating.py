"""Templates of the pages: every value is escaped, and one that is missing is a fault, not a blank."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.console.site import Unknown

STYLE: Final = (files(__package__) / "console.css").read_text(encoding="utf-8")
_SECOND: Final = timedelta(seconds=1)
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def templates() -> Environment:
    """The templates of this package."""
    environment = Environment(
        loader=PackageLoader("bridge.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": moment, "ago": ago, "duration": duration, "query": _query}
    environment.tests["unknown"] = _is_unknown
    environment.globals["now"] = lambda: datetime.now(UTC)
    return environment


def moment(value: datetime | None) -> str:
    """A moment in UTC, as the log has it."""
    return value.astimezone(UTC).strftime("%d-%b-%Y %H:%M:%S") if value else "-"


def ago(value: datetime | None) -> str:
    """How long something is past, or ahead."""
    if value is None:
        return "-"
    past = datetime.now(UTC) - value
    return f"in {duration(-past)}" if past < -_SECOND else f"{duration(past)} ago"


def duration(value: timedelta) -> str:
    """A span by its two largest units."""
    seconds = max(0, int(value.total_seconds()))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or (parts and len(parts) == 1):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _query(values: Mapping[str, str | None]) -> str:
    """The part of an address behind the question mark."""
    return urlencode({name: value for name, value in values.items() if value})


def _is_unknown(value: Any) -> bool:
    return isinstance(value, Unknown)
