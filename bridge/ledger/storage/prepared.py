"""Statements that every request runs, compiled once: run as others are, they cost the ledger twice as much.

They go to the driver itself: a result of SQLAlchemy costs more than what SQLite does for it, or than a server
is asked for it. The other statements of the ledger are run as SQLAlchemy has it.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import await_only

from bridge.ledger.storage.metadata import instant_as_text
from bridge.values import dataclass

Values = Mapping[str, Any]
_KEPT: Final = "bridge.prepared"
"""Where a session has its statements, by their text."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    names: Sequence[str]
    fixed: Values

    def row(self, values: Values) -> list[Any]:
        every = {**self.fixed, **values}
        return [every[name] for name in self.names]


class Ran(NamedTuple):
    """What a statement came to.

    Attributes:
        rows: that it returned, by column; columns of the type `Instant` as the driver gives them.
        rowcount: how many it changed.
        added: on SQLite, the id of the row that it added last.
    """

    rows: Sequence[Mapping[str, Any]]
    rowcount: int
    added: int | None = None


def run_on_sqlite(connection: Connection, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
    """Give a statement to the driver itself; moments go as the ledger keeps them.

    Raises:
        sqlite3.Error: the driver's own.
    """
    driver: Any = connection.connection.driver_connection
    row = [instant_as_text(each) if type(each) is datetime else each for each in values]
    cursor: sqlite3.Cursor = driver.execute(sql, row)
    return cursor


class Prepared:
    """A statement whose parameters are always the same ones.

    Args:
        statement: what to run.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: Values = MappingProxyType({})) -> Ran:
        """Run it with these values.

        Raises:
            sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError: the driver's own.
        """
        dialect = connection.dialect.name
        compiled = self._compiled.get(dialect)
        if compiled is None:
            compiled = self._compiled[dialect] = self._compile(connection, values)
        driver: Any = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            cursor = run_on_sqlite(connection, compiled.sql, compiled.row(values))
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            return Ran(rows, cursor.rowcount, cursor.lastrowid)
        kept = connection.info.setdefault(_KEPT, {})
        statement = kept.get(compiled.sql)
        if statement is None:
            statement = kept[compiled.sql] = await_only(driver.prepare(compiled.sql))
        fetched = await_only(statement.fetch(*compiled.row(values)))
        *_, count = statement.get_statusmsg().split()  # such as ``INSERT 0 3``
        return Ran([dict(row) for row in fetched], int(count))

    def _compile(self, connection: Connection, values: Values) -> _Compiled:
        compiled = self._statement.compile(dialect=connection.dialect, column_keys=list(values))
        assert isinstance(compiled, SQLCompiler)
        names = compiled.positiontup or []
        return _Compiled(
            compiled.string,
            names,
            {name: value for name, value in compiled.params.items() if name not in values},
        )
