"""The one `MetaData` of the ledger's tables, and the column types that they share."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Integer, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
"""Surrogate key: only an INTEGER column counts by itself on SQLite."""


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond; aware in Python on both databases.

    SQLite keeps it as text of fixed width, so that it compares and sorts as time does.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Anything but UTC is converted, because SQLite drops the zone."""
        if value is None or dialect.name != "sqlite" or value.tzinfo is UTC:
            return value
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """PostgreSQL gives the session's zone, SQLite none."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def instant_as_text(value: datetime) -> str:
    """As SQLite keeps it."""
    return value.astimezone(UTC).isoformat(" ", "microseconds").removesuffix("+00:00")
