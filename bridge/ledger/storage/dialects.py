"""What SQLite and PostgreSQL say each in its own words: made for the database at hand, when it is wanted."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Connection, Index, TextClause, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

T = TypeVar("T")
WordsByDialect = Mapping[str, str]
"""SQL of a condition by the name of the dialect."""
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


class Stated(TextClause):
    """A condition in a statement, to the letter as a partial index has it in that database.

    Args:
        words: what it is in each.
    """

    inherit_cache = True

    def __init__(self, words: WordsByDialect) -> None:
        super().__init__("; ".join(words.values()))  # which statements are told apart by
        self.words = words


@compiles(Stated)
def _in_its_words(stated: Stated, compiler: SQLCompiler, **_: Any) -> str:
    return stated.words[compiler.dialect.name]


def partial_index(
    name: str, where: str | WordsByDialect, *columns: Column[Any] | str, unique: bool = False
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
