"""Indexes that only lists need: no request waits for them, so they are no part of the migrations.

An empty or small ledger gets them with its tables. On PostgreSQL, those of a table that is large and in use
are made ``CONCURRENTLY``, beside the workers, which no transaction can do. One that was cut off is left
broken, and is made anew at the next start. It takes a second or two for each million of rows.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Index, func, inspect, select, text
from sqlalchemy.schema import CreateIndex

from bridge.ledger.storage import durations
from bridge.ledger.storage.dialects import complete
from bridge.ledger.storage.tables import events, requests

_NAMES: Final = (
    "ix_requests_own_id",
    "ix_requests_correlation",
    "ix_requests_patient",
    "ix_requests_pipeline",
    "ix_requests_operation",
    "ix_requests_retried",
    "ix_requests_practice",
    "ix_requests_code",
    "ix_requests_pipeline_code",
    "ix_requests_operation_code",
    "ix_requests_practice_code",
    "ix_requests_unsuccessful",
    "ix_requests_unsuccessful_pipeline",
    "ix_requests_unsuccessful_operation",
    "ix_requests_unsuccessful_practice",
    "ix_requests_dead",
    "ix_events_event_id",
    *durations.INDEXES,
)
LOCK: Final = 0x6770_6C65_6469_6478
"""Names the advisory lock of whoever makes them (the ASCII of ``gpledidx``)."""
_FEW: Final = 10_000
"""Requests whose indexes are made in an instant, so that nobody waits for a transaction that does."""


def every() -> Sequence[Index]:
    """All of them, whether they are there or not."""
    named = {str(index.name): index for table in (requests, events) for index in table.indexes}
    return [named[name] for name in _NAMES]


def make_at_once(connection: Connection) -> None:
    """A step: make what is lacking in its transaction, unless others would wait for that.

    On SQLite nobody does: only the first worker of a new version comes by.
    """
    few = select(func.count()).select_from(select(requests.c.id).limit(_FEW).subquery())
    if connection.dialect.name == "postgresql" and connection.scalar(few) == _FEW:
        return
    for index in lacking(connection):
        connection.execute(CreateIndex(index))


def lacking(connection: Connection) -> Sequence[Index]:
    """A step: the indexes that are not there, or are broken."""
    known = _usable(connection)
    return [complete(index, connection) for index in every() if index.name not in known]


def make_beside(connection: Connection) -> None:
    """A step of PostgreSQL outside any transaction: make what is lacking, unless another process does so.

    That one is not waited for: a session that waits for a lock holds up the making of an index itself.
    """
    if not connection.scalar(select(func.pg_try_advisory_lock(LOCK))):
        return
    try:
        for index in lacking(connection):
            made = str(CreateIndex(index).compile(dialect=connection.dialect))
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
            connection.exec_driver_sql(made.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1))
    finally:
        connection.execute(select(func.pg_advisory_unlock(LOCK)))


def _usable(connection: Connection) -> set[str | None]:
    if connection.dialect.name == "postgresql":
        valid = text(
            "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid"
            " WHERE indisvalid AND relnamespace = current_schema()::regnamespace"
        )
        return set(connection.scalars(valid))
    found = inspect(connection)
    return {each["name"] for table in (requests, events) for each in found.get_indexes(table.name)}
