"""What is to be known of a database before a worker relies on it; and bringing it up to date."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from bridge.addresses import each_address
from bridge.ledger.access import DatabaseAccess
from bridge.ledger.errors import NoLedger
from bridge.ledger.opening import make_partitions, open_store
from bridge.ledger.storage import partitions, schema
from bridge.ledger.storage.metadata import metadata
from bridge.settings import Settings
from bridge.values import dataclass

_RIGHTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Condition:
    """How the database of a ledger is.

    Attributes:
        kind: ``PostgreSQL`` or ``SQLite``.
        version: of the server, or of the library.
        pending: migrations of this version of the software that have not been run, oldest first.
        lacking: rights that a worker needs and our role does not have, such as ``DELETE on requests``.
        may_migrate: whether our role may make tables.
        clock: what time it is there; None for a file, which has no clock of its own.
    """

    kind: str
    version: tuple[int, ...]
    pending: Sequence[str]
    lacking: Sequence[str]
    may_migrate: bool
    clock: datetime | None


async def condition(settings: Settings) -> Condition:
    """Look at the database of these settings.

    Raises:
        NoLedger: there is none yet.
        Misconfigured, LedgerUnavailable: see `bridge.ledger.opening.open_store`.
    """
    async with open_store(settings, read_only=True) as store:
        return await store.read(_look)


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """One of several servers of a database: its address, what it is, and whether it gives a connection."""

    place: str
    told: str
    is_there: bool


async def servers(settings: Settings) -> Sequence[DatabaseServer]:
    """Look at each server that ``BRIDGE_LEDGER_URL`` names; none where it names only one.

    Raises:
        Misconfigured: an address cannot be read.
    """
    url = settings.ledger.url
    if url is None or len(each_address(url, "BRIDGE_LEDGER_URL")) == 1:
        return []
    from bridge.ledger.storage.hosts import each_server  # noqa: PLC0415 - the driver, where it is used

    return [DatabaseServer(*found) for found in await each_server(url, DatabaseAccess.of(settings, url))]


async def upgrade(settings: Settings) -> Sequence[str]:
    """Bring the database to the schema of this version; the migrations that were run for it.

    Large tables of bodies are parted too, which the start of a worker leaves: workers wait meanwhile.

    Raises:
        Misconfigured, LedgerUnavailable: see `bridge.ledger.opening.open_store`.
    """
    try:
        pending = (await condition(settings)).pending
    except NoLedger:
        pending = schema.revisions()
    async with open_store(settings) as store:
        for table in await store.read(partitions.whole):
            await store.write_patiently(partitions.part(table))
        await make_partitions(store, settings)
        return pending


def _look(connection: Connection) -> Condition:
    pending = schema.pending(connection)
    version = tuple(map(int, connection.dialect.server_version_info or ()))
    if connection.dialect.name != "postgresql":
        return Condition("SQLite", version, pending, (), may_migrate=True, clock=None)
    there = set(
        connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"))
    )
    lacking = [
        f"{right} on {table}"
        for table in sorted(there.intersection(metadata.tables))
        for right in _RIGHTS
        if not _ask(
            connection,
            "has_table_privilege(format('%I', CAST(:name AS text)), :right)",
            name=table,
            right=right,
        )
    ]
    return Condition(
        "PostgreSQL",
        version,
        pending,
        lacking,
        may_migrate=bool(_ask(connection, "has_schema_privilege(current_schema(), 'CREATE')")),
        clock=_ask(connection, "clock_timestamp()"),
    )


def _ask(connection: Connection, what: str, **given: str) -> Any:
    return connection.scalar(text(f"SELECT {what}"), given)
