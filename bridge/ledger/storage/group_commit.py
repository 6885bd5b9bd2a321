"""What a transaction leaves to its end: rows that its steps add, and what they change one after the other.

A statement costs a worker more than a row: on SQLite it hands the interpreter over to the event loop and
back, on PostgreSQL it goes to a server and is waited for. SQLite, where many requests commit in one
transaction, gets one for the rows of each table; PostgreSQL gets all in one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

import orjson
from sqlalchemy import Connection, Insert, LargeBinary, Table, Update, text

from bridge.ledger.storage.dialects import DIALECTS
from bridge.ledger.storage.prepared import Prepared, Values, run_on_sqlite

_ROWS: Final = (32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
"""Of a statement on SQLite, which keeps a kilobyte for each row of each one that was ever run. A request has
three events and four calls: what a few requests add to a table takes one statement, or two."""
_KEY: Final = "bridge.group_commit"


class LastChange(Protocol):
    """A change that each step of a transaction makes anew, of which only the last is written."""

    @property
    def statement(self) -> Update:
        """The same one each time, which is compiled once."""

    def values(self) -> Values:
        """Its parameters, asked for when it is written; none is called as a column is."""


class _KindOfRow(NamedTuple):
    table: Table
    columns: tuple[str, ...]
    skip_known: bool

    def parted(self) -> tuple[list[str], list[str]]:
        """Columns of text, numbers and moments; columns of bytes."""
        sealed = [name for name in self.columns if isinstance(self.table.c[name].type, LargeBinary)]
        return [name for name in self.columns if name not in sealed], sealed


_RowsLeft = Mapping[_KindOfRow, Sequence[Values]]


class GroupCommit:
    """What the steps of the transaction under way leave to its end.

    Attributes:
        looked_at: tables that one step has looked at for all of them.
        at_end: what is changed last in a table.
    """

    def __init__(self) -> None:
        self.looked_at: set[Table] = set()
        self.at_end: dict[Table, LastChange] = {}
        self._rows: dict[_KindOfRow, list[Values]] = {}

    def add(self, table: Table, rows: Sequence[Values], *, skip_known: bool) -> None:
        """Leave rows to the end; see `add_rows`."""
        for row in rows[:1]:
            self._rows.setdefault(_KindOfRow(table, tuple(row), skip_known), []).extend(rows)

    def write(self, connection: Connection) -> None:
        """Do all that was left; the transaction may go on."""
        rows, self._rows = self._rows, {}
        changes, self.at_end = self.at_end.values(), {}
        if rows or changes:
            write = _write_in_one if connection.dialect.name == "postgresql" else _write_each
            write(connection, rows, changes)


def commit_under_way(connection: Connection) -> GroupCommit:
    """What this transaction leaves to its end."""
    found: GroupCommit = connection.info[_KEY]
    return found


@contextmanager
def group_commit(connection: Connection) -> Iterator[None]:
    """Around the steps of a transaction: write at its end what they left, unless it raises."""
    info = connection.info
    info[_KEY] = commit = GroupCommit()
    try:
        yield
        commit.write(connection)
    finally:
        info.pop(_KEY, None)  # a connection that broke has forgotten it already


def write_now(connection: Connection) -> None:
    """Write what was left so far: for a step that reads what others of its transaction may have added."""
    commit_under_way(connection).write(connection)


def add_rows(connection: Connection, table: Table, rows: Sequence[Values], *, skip_known: bool) -> None:
    """Add rows, all with the same columns, when the transaction ends.

    Args:
        connection: of the step.
        table: whose.
        rows: by column name.
        skip_known: one that is there already is left as it is; otherwise it fails the transaction.
    """
    commit_under_way(connection).add(table, rows, skip_known=skip_known)


def _write_each(connection: Connection, rows: _RowsLeft, changes: Collection[LastChange]) -> None:
    for kind, each in rows.items():
        for portion in _portions(each):
            values = [row[name] for row in portion for name in kind.columns]
            run_on_sqlite(connection, _rows_on_sqlite(kind, len(portion)), values)
    for change in changes:
        _in_one((), (change.statement,)).run(connection, change.values())


def _portions(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    first = 0
    while left := len(rows) - first:
        count = next(count for count in _ROWS if count <= left)
        yield rows[first : first + count]
        first += count


@lru_cache(maxsize=512)
def _rows_on_sqlite(kind: _KindOfRow, count: int) -> str:
    columns = ", ".join(f'"{name}"' for name in kind.columns)
    rows = ", ".join([f"({', '.join('?' * len(kind.columns))})"] * count)
    # A row that fails undoes the whole transaction. To be able to undo the statement alone, SQLite would copy
    # every page that it is about to change, and soon into a file of its own.
    insert, skipping = ("INSERT", " ON CONFLICT DO NOTHING") if kind.skip_known else ("INSERT OR FAIL", "")
    return f'{insert} INTO "{kind.table.name}" ({columns}) VALUES {rows}{skipping}'


def _write_in_one(connection: Connection, rows: _RowsLeft, changes: Collection[LastChange]) -> None:
    values: dict[str, Any] = {}
    for number, (kind, each) in enumerate(rows.items()):
        plain, sealed = kind.parted()
        as_json = orjson.dumps([{name: row[name] for name in plain} for row in each])
        values[f"rows_{number}"] = as_json.decode()
        values |= {f"{name}_{number}": [row[name] for row in each] for name in sealed}
    for change in changes:
        values |= change.values()
    _in_one(tuple(rows), tuple(change.statement for change in changes)).run(connection, values)


@lru_cache(maxsize=512)
def _in_one(kinds: tuple[_KindOfRow, ...], changes: tuple[Update, ...]) -> Prepared:
    """Rows of these kinds, however many there are of each, and these changes."""
    statements: list[Insert | Update] = [*changes]
    statements += [_rows_on_postgresql(number, kind) for number, kind in enumerate(kinds)]
    last, *others = statements
    return Prepared(last.add_cte(*(other.cte(f"also_{number}") for number, other in enumerate(others))))


def _rows_on_postgresql(number: int, kind: _KindOfRow) -> Insert:
    """Rows come as one JSON text, their bytes beside it: the driver takes long over lists of all else."""
    postgresql = DIALECTS["postgresql"]
    plain, sealed = kind.parted()
    types = {name: kind.table.c[name].type.compile(postgresql.dialect()) for name in plain}
    columns = ", ".join(f'"{name}" {type_}' for name, type_ in types.items())
    parts = [f"json_to_recordset(CAST(:rows_{number} AS json)) AS ({columns})"]
    parts += [f"unnest(CAST(:{name}_{number} AS bytea[]))" for name in sealed]
    together = ", ".join(parts)
    rows = text(f"SELECT * FROM ROWS FROM ({together})")  # noqa: S608 - names of our own tables
    statement = postgresql.insert(kind.table).from_select([*plain, *sealed], rows.columns())
    made: Insert = statement.on_conflict_do_nothing() if kind.skip_known else statement
    return made
