"""Statements that every request runs, compiled once: run as others are, they cost the ledger twice as much.

On SQLite they go to the driver itself: a result of SQLAlchemy costs more than what SQLite does for it. The
other statements of the ledger are run as SQLAlchemy has it.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.sql.compiler import SQLCompiler

from bridge.ledger.storage.metadata import instant_as_text

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    names: Sequence[str]
    fixed: Values

    def row(self, values: Values, *, as_text: bool) -> tuple[Any, ...]:
        every = {**self.fixed, **values}
        found = [every[name] for name in self.names]
        if as_text:
            return tuple([instant_as_text(each) if type(each) is datetime else each for each in found])
        return tuple(found)


class Ran(NamedTuple):
    """What a statement came to.

    Attributes:
        rows: that it returned, by column; columns of the type `Instant` as the driver gives them.
        rowcount: how many it changed.
    """

    rows: Sequence[Mapping[str, Any]]
    rowcount: int


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
            SQLAlchemyError, sqlite3.Error: see `bridge.ledger.storage.store.unavailable`.
        """
        dialect = connection.dialect.name
        compiled = self._compiled.get(dialect)
        if compiled is None:
            compiled = self._compiled[dialect] = self._compile(connection, values)
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            cursor = driver.execute(compiled.sql, compiled.row(values, as_text=True))
            names = [column[0] for column in cursor.description or ()]
            return Ran([dict(zip(names, row, strict=True)) for row in cursor.fetchall()], cursor.rowcount)
        result = connection.exec_driver_sql(compiled.sql, compiled.row(values, as_text=False))
        rows = [dict(row) for row in result.mappings()] if result.returns_rows else []
        return Ran(rows, result.rowcount)

    def _compile(self, connection: Connection, values: Values) -> _Compiled:
        compiled = self._statement.compile(dialect=connection.dialect, column_keys=list(values))
        assert isinstance(compiled, SQLCompiler)
        names = compiled.positiontup or []
        return _Compiled(
            compiled.string,
            names,
            {name: value for name, value in compiled.params.items() if name not in values},
        )
