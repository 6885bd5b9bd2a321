"""How long requests took, from their arrival to their end: told by the two moments that are in every row.

So requests of any version have it, and no column can differ from the moments. Lists find slow ones by an
index for each threshold, and those of one practice by an index of all slow ones by practice: they are few, so
all of these together hold little.
"""

from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Index, Table, and_, literal_column

from bridge.ledger.storage.dialects import partial_index

THRESHOLDS: Final = (5, 10, 30, 60, 300)
"""Seconds that a list can ask for, as the buckets of ``request_duration_seconds`` have them."""

_TOOK: Final = {
    # SQLite counts days in floating point, to the millisecond.
    "sqlite": "round((julianday({of}ended_at) - julianday({of}received_at)) * 86400, 3)",
    "postgresql": "{of}ended_at - {of}received_at",
}
_SLOW: Final = THRESHOLDS[0]
_OF_SLOW: Final = ("state", "code", "pipeline", "operation", "practice_ods")
"""What slow requests are looked for by besides."""
_AT_LEAST: Final = {"sqlite": "{seconds}", "postgresql": "interval '{seconds} seconds'"}
INDEXES: Final = tuple(f"ix_requests_slow_{each}" for each in (*THRESHOLDS, *_OF_SLOW))


def took(seconds: int, dialect: str) -> ColumnElement[bool]:
    """That a row of `requests` took so long or longer; what has not ended did not. For this database alone.

    Raises:
        ValueError: that is no threshold.
    """
    if seconds not in THRESHOLDS:
        raise ValueError(f"slow requests are those of a threshold: {', '.join(map(str, THRESHOLDS))}")
    duration: ColumnElement[Any] = literal_column(_TOOK[dialect].format(of="requests."))
    # The lowest stands beside any other: an index of slow ones is used where its very condition stands.
    bounds = sorted({_SLOW, seconds})
    return and_(*(duration >= literal_column(_AT_LEAST[dialect].format(seconds=each)) for each in bounds))


def index_slow(requests: Table) -> None:
    """Give the table its indexes of slow requests; `INDEXES` are their names."""
    last = requests.c.received_at
    for seconds in THRESHOLDS:
        _index(f"ix_requests_slow_{seconds}", seconds, last, requests.c.id)
    for name in _OF_SLOW:
        _index(f"ix_requests_slow_{name}", _SLOW, requests.c[name], last)


def _index(name: str, seconds: int, *columns: Column[Any]) -> Index:
    return partial_index(name, {dialect: _condition(seconds, dialect) for dialect in _TOOK}, *columns)


def _condition(seconds: int, dialect: str) -> str:
    # To the letter as a list has it, or SQLite does not know the index again; but a table is not named here.
    return f"{_TOOK[dialect].format(of='')} >= {_AT_LEAST[dialect].format(seconds=seconds)}"
