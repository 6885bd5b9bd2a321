"""Points in time (TS), as precise as they are known."""

from datetime import datetime


def timestamp(at: datetime) -> str:
    """A point in time to the second, with the offset of its zone.

    Args:
        at: with its zone: a receiver takes a time without one for its own.
    """
    return f"{at:%Y%m%d%H%M%S%z}"
