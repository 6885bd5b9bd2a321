"""The time as it is written into records and shown to people."""

from datetime import UTC, datetime


def timestamp() -> str:
    """Now, in UTC, as RFC 3339 with milliseconds: ``2026-11-22T09:00:01.250Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
