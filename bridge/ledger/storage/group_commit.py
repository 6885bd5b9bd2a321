"""Rows that a transaction adds, and on SQLite: those of all its steps, written together at its end.

Many requests commit in one transaction there, and each statement costs it a hand-over of the interpreter
to the event loop and back, which is more than a row costs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from bridge.ledger.storage.prepared import Prepared, Values

DIALECTS: Final[Mapping[str, Any]] = {"sqlite": sqlite, "postgresql": postgresql}
_AT_ONCE: Final = 32
"""Rows per statement: bounds how many statements there are, each of which is compiled once and kept."""
_KEY: Final = "bridge.group_commit"


class GroupCommit:
    """What the steps of the transaction under way leave to its end.

    Attributes:
        at_end: what is done to a table after the rows are written.
    """

    def __init__(self) -> None:
        self.at_end: dict[Table, Callable[[Connection], object]] = {}
        self._rows: dict[tuple[Table, bool], list[Values]] = {}

    def add(self, table: Table, rows: Sequence[Values], *, skip_known: bool) -> None:
        """Leave rows to the end."""
        self._rows.setdefault((table, skip_known), []).extend(rows)

    def write(self, connection: Connection) -> None:
        """Do all that was left; the transaction may go on."""
        rows, self._rows = self._rows, {}
        for (table, skip_known), each in rows.items():
            _write(connection, table, each, skip_known=skip_known)
        at_end, self.at_end = self.at_end, {}
        for step in at_end.values():
            step(connection)


def commit_under_way(connection: Connection) -> GroupCommit | None:
    """What this transaction leaves to its end; None when it does everything at once."""
    found: GroupCommit | None = connection.info.get(_KEY)
    return found


@contextmanager
def group_commit(connection: Connection) -> Iterator[None]:
    """Leave rows to the end of the block; nothing of them is left when it raises."""
    info = connection.info
    info[_KEY] = commit = GroupCommit()
    try:
        yield
        commit.write(connection)
    finally:
        info.pop(_KEY, None)  # a connection that broke has forgotten it already


def write_now(connection: Connection) -> None:
    """Write what was left so far: for a step that reads what others of its transaction may have added."""
    commit = commit_under_way(connection)
    if commit is not None:
        commit.write(connection)


def add_rows(connection: Connection, table: Table, rows: Sequence[Values], *, skip_known: bool) -> None:
    """Add rows, all with the same columns, at the latest when the transaction ends.

    Args:
        connection: of the step.
        table: whose.
        rows: by column name.
        skip_known: one that is there already is left as it is; otherwise it fails the transaction.
    """
    commit = commit_under_way(connection)
    if commit is not None:
        commit.add(table, rows, skip_known=skip_known)
    else:
        _write(connection, table, rows, skip_known=skip_known)


def _write(connection: Connection, table: Table, rows: Sequence[Values], *, skip_known: bool) -> None:
    dialect = connection.dialect.name
    for first in range(0, len(rows), _AT_ONCE):
        portion = rows[first : first + _AT_ONCE]
        named = {f"{name}_{row}": value for row, each in enumerate(portion) for name, value in each.items()}
        _insert(table, tuple(portion[0]), len(portion), dialect, skip_known=skip_known).run(connection, named)


@lru_cache(maxsize=512)
def _insert(
    table: Table, columns: tuple[str, ...], count: int, dialect: str, *, skip_known: bool
) -> Prepared:
    rows: list[dict[str, Any]] = [
        {name: bindparam(f"{name}_{row}") for name in columns} for row in range(count)
    ]
    statement = DIALECTS[dialect].insert(table).values(rows)
    return Prepared(statement.on_conflict_do_nothing() if skip_known else statement)
