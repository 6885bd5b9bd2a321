"""What SQLite and PostgreSQL say each in its own words: made for the database at hand, when it is wanted."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Connection, Index, text

T = TypeVar("T")
_WHERE: Final = "where"


class ByDialect(dict[str, T]):
    """Something for each dialect, by its name. That of a database that is not used is never loaded.

    Args:
        make: makes it with SQLAlchemy's module of the dialect.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> T:
        made = self[name] = self._make(import_module(f"sqlalchemy.dialects.{name}"))
        return made


DIALECTS: Final = ByDialect[Any](lambda dialect: dialect)
"""The modules themselves."""


def partial_index(
    name: str, where: str | Mapping[str, str], *columns: Column[Any] | str, unique: bool = False
) -> Index:
    """An index of the rows that meet a condition, in SQL of both databases or of each by its name.

    SQLAlchemy takes conditions by the dialect and loads it for that; see `complete`.
    """
    return Index(name, *columns, unique=unique, info={_WHERE: where})


def complete(index: Index, connection: Connection) -> Index:
    """The same one, with its condition in the words of this database: before it is made."""
    where, name = index.info.get(_WHERE), connection.dialect.name
    if where is not None:
        condition = where if isinstance(where, str) else where[name]
        index.dialect_options[name]["where"] = text(condition)
    return index
