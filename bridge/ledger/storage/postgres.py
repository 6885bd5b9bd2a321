"""The ledger on PostgreSQL: many workers, on many machines, one transaction per step.

Space that pruning frees is used again through autovacuum, which must be on (it is by default); the server's
``synchronous_commit`` must not be off, or a commit that was confirmed could be lost.
"""

from functools import partial
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # ships no types
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from bridge.errors import Misconfigured
from bridge.ledger.access import AS_THE_URL_SAYS, DatabaseAccess, meaning, refusal
from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.storage import indexes, schema
from bridge.ledger.storage.hosts import AnyServer
from bridge.ledger.storage.store import LedgerStep, unavailable
from bridge.observe import record
from bridge.observe.vocabulary.ledger import IndexesNotMade

T = TypeVar("T")

COMMAND_SECONDS = 15.0
"""A server that says nothing for this long is treated as gone."""


class PostgresStore:
    """A pool of connections, one transaction on each at a time.

    Args:
        url: as libpq reads it, ``sslmode`` and several hosts included.
        access: what the settings say of certificates and passwords.
        connections: at most this many at a time.
        read_only: the server refuses whatever would change something.

    Raises:
        Misconfigured: an address in the URL cannot be read.
    """

    def __init__(
        self,
        url: str,
        access: DatabaseAccess = AS_THE_URL_SAYS,
        *,
        connections: int,
        read_only: bool = False,
    ) -> None:
        self._read_only = read_only
        # Bounds of partitions come as text, in the style that the session has.
        of_session = {"application_name": "gpconnect-bridge", "timezone": "UTC", "datestyle": "ISO"}
        if read_only:
            of_session["default_transaction_read_only"] = "on"

        self._server = AnyServer(url, access, read_only=read_only)

        async def connect(*, at_most: float | None) -> Any:  # the driver's is generic over its record type
            return await self._server.connect(command_timeout=at_most, server_settings=of_session)

        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(connect, at_most=COMMAND_SECONDS),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=COMMAND_SECONDS,
            hide_parameters=True,
        )
        self._each_statement = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._patient = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(connect, at_most=None),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )
        self._snapshot = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def upgrade(self) -> None:
        """Migrate, then make what indexes are lacking, however long that takes; see `Store`.

        No worker is kept from starting by an index that only lists need: one whose role owns no table leaves
        them to whoever does.
        """
        await self.write(schema.upgrade)
        if await self.read(indexes.lacking):
            try:
                await self._run(self._patient, indexes.make_beside)
            except LedgerUnavailable as fault:
                record(IndexesNotMade(fault.reason))
            except ProgrammingError as error:
                record(IndexesNotMade(getattr(error.orig, "sqlstate", None) or type(error.orig).__name__))

    async def write(self, step: LedgerStep[T], *, single: bool = False) -> T:
        """Run `step` in a transaction; see `Store`."""
        return await self._run(self._each_statement if single else self._engine, step)

    async def write_patiently(self, step: LedgerStep[T]) -> T:
        """Run `step` in a transaction, however long it takes; see `Store`."""
        return await self._run(self._patient.execution_options(isolation_level="READ COMMITTED"), step)

    async def read(self, step: LedgerStep[T]) -> T:
        """Run `step` on a snapshot; see `Store`."""
        return await self._run(self._snapshot, step)

    async def _run(self, engine: AsyncEngine, step: LedgerStep[T]) -> T:
        def run() -> T:
            with engine.sync_engine.begin() as connection:
                return step(connection)

        try:
            # One change into SQLAlchemy for all of it: a quarter cheaper than one for each call.
            return await greenlet_spawn(run)
        except Exception as error:
            fault = _unavailable(error)
            if fault is None:
                raise
            if fault.reason == _READ_ONLY and not self._read_only:
                # The server has become a standby and kept our connections: another one takes writes now.
                await self._engine.dispose()
            raise fault from None

    async def give_back_space(self) -> None:
        """Nothing to do: autovacuum does."""

    async def check(self) -> None:
        """Whether the server can be relied on.

        Raises:
            Misconfigured: the credentials, a certificate or the database's name are refused, or commits are
                not durable.
            LedgerUnavailable: it cannot be reached now.
        """
        try:
            await self.write(_check_durability)
        except ProgrammingError as error:
            code = getattr(error.orig, "sqlstate", None) or ""
            if not (means := meaning(code)):
                raise
            raise Misconfigured(f"BRIDGE_LEDGER_URL: {means} ({code})") from None
        except LedgerUnavailable as fault:
            if means := meaning(fault.reason):
                raise Misconfigured(f"BRIDGE_LEDGER_URL: {means} ({fault.reason})") from None
            if fault.reason.startswith(_REFUSALS):
                raise Misconfigured(f"BRIDGE_LEDGER_URL: refused by the server ({fault.reason})") from None
            raise

    async def close(self) -> None:
        """Disconnect."""
        await self._engine.dispose()


_READ_ONLY = "25006"
# SQLSTATE classes: invalid authorisation, invalid catalogue name, insufficient privilege.
_REFUSALS = ("28", "3D", "42501")


def _check_durability(connection: Connection) -> None:
    if connection.scalar(text("SHOW synchronous_commit")) == "off":
        raise Misconfigured("BRIDGE_LEDGER_URL: the server's synchronous_commit is off")


def _unavailable(error: Exception) -> LedgerUnavailable | None:
    # While connecting, the driver's errors come as they are.
    if isinstance(error, asyncpg.PostgresError):
        return LedgerUnavailable(error.sqlstate or type(error).__name__)
    if isinstance(error, asyncpg.InterfaceError):
        return LedgerUnavailable(type(error).__name__)
    if code := refusal(error):
        return LedgerUnavailable(code)
    return unavailable(error)
