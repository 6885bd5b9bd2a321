"""Statements that every request runs, compiled once: run as others are, they cost the ledger twice as much.

The other statements of the ledger are run as SQLAlchemy has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ClauseElement, Connection, CursorResult
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


class Prepared:
    """A statement whose parameters are always the same ones.

    Args:
        statement: what to run; results come as the driver gives them, so columns of the type `Instant` may
            be written but not read.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: Values = MappingProxyType({})) -> CursorResult[Any]:
        """Run it with these values."""
        dialect = connection.dialect.name
        compiled = self._compiled.get(dialect)
        if compiled is None:
            compiled = self._compiled[dialect] = self._compile(connection, values)
        return connection.exec_driver_sql(compiled.sql, compiled.row(values, as_text=dialect == "sqlite"))

    def _compile(self, connection: Connection, values: Values) -> _Compiled:
        compiled = self._statement.compile(dialect=connection.dialect, column_keys=list(values))
        assert isinstance(compiled, SQLCompiler)
        names = compiled.positiontup or []
        return _Compiled(
            compiled.string,
            names,
            {name: value for name, value in compiled.params.items() if name not in values},
        )
