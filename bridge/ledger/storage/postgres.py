"""The ledger on PostgreSQL: many workers, on many machines.

What every request writes shares a transaction with what others of the same worker write at the same time; any
other step has one of its own.

Space that pruning frees is used again through autovacuum, which must be on (it is by default); the server's
``synchronous_commit`` must not be off, or a commit that was confirmed could be lost.
"""

import contextlib
from collections.abc import Awaitable, Sequence
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
from bridge.ledger.storage.group_commit import group_commit
from bridge.ledger.storage.hosts import AnyServer
from bridge.ledger.storage.joint_commits import AskedStep, JointCommits, StepResult
from bridge.ledger.storage.sessions import (
    IMPATIENTLY,
    ON_A_SNAPSHOT,
    SHARED,
    WRITING,
    PostgresSessions,
)
from bridge.ledger.storage.store import LedgerStep, unavailable
from bridge.observe import record
from bridge.observe.vocabulary.ledger import IndexesNotMade

T = TypeVar("T")

COMMAND_SECONDS = 15.0
"""A server that says nothing for this long is treated as gone."""


class _EachAloneError(Exception):
    """One of several steps is at fault, or waits for somebody. All were rolled back: each for itself."""


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
        self._server = AnyServer(url, access, read_only=read_only)

        async def connect(*, at_most: float | None) -> Any:  # the driver's is generic over its record type
            try:
                connection = await self._server.connect(command_timeout=at_most, server_settings=of_session)
                if read_only:  # said afterwards: a pooler refuses this one at the start of a session
                    await connection.execute("SET default_transaction_read_only = on")
                if at_most is not None:
                    await connection.execute(IMPATIENTLY)
            except asyncpg.PostgresError as error:
                raise LedgerUnavailable(error.sqlstate or type(error).__name__) from None
            return connection

        self._sessions = PostgresSessions(
            partial(connect, at_most=COMMAND_SECONDS), most=connections, patience=COMMAND_SECONDS
        )
        self._commits = JointCommits(self._share)
        self._patient = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(connect, at_most=None),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )

    async def upgrade(self) -> None:
        """Migrate, then make what indexes are lacking, however long that takes; see `Store`.

        No worker is kept from starting by an index that only lists need: one whose role owns no table leaves
        them to whoever does.
        """
        await self.write(schema.upgrade)
        if await self.read(indexes.lacking):
            try:
                await _told(_patiently(self._patient, indexes.make_beside))
            except LedgerUnavailable as fault:
                record(IndexesNotMade(fault.reason))
            except ProgrammingError as error:
                record(IndexesNotMade(getattr(error.orig, "sqlstate", None) or type(error.orig).__name__))

    async def write(
        self,
        step: LedgerStep[T],
        *,
        single: bool = False,
        shared: bool = False,
        synced: bool = True,  # noqa: ARG002 - else an end of the server's process could take it
        alone: bool = False,  # noqa: ARG002 - a server is waited for, whoever else is there
    ) -> T:
        """Run `step` in a transaction; see `Store`."""
        if shared:
            with contextlib.suppress(_EachAloneError):
                return await self._commits.write(step, single=single)
            single = False  # which may not wait for long
        return await self._write(step, None if single else WRITING)

    async def _write(self, step: LedgerStep[T], begin: str | None) -> T:
        try:
            return await _told(self._sessions.run(step, begin))
        except LedgerUnavailable as fault:
            if fault.reason == _READ_ONLY and not self._read_only:
                # The server has become a standby and kept our sessions: another one takes writes now.
                await self._sessions.close()
            raise

    async def _share(self, asked: Sequence[AskedStep]) -> Sequence[StepResult]:
        def together(connection: Connection) -> list[StepResult]:
            return [StepResult(one.step(connection)) for one in asked]

        is_alone = len(asked) == 1
        try:
            return await self._write(together, None if is_alone and asked[0].single else SHARED)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the step
            is_fault_of_one = not (is_alone or isinstance(error, LedgerUnavailable))
            has_waited = isinstance(error, LedgerUnavailable) and error.reason.startswith(_ROLLED_BACK)
            if is_fault_of_one or has_waited:
                return [StepResult(error=_EachAloneError()) for _ in asked]
            return [StepResult(error=error)] * len(asked)

    async def write_patiently(self, step: LedgerStep[T]) -> T:
        """Run `step` in a transaction, however long it takes; see `Store`."""
        patient = self._patient.execution_options(isolation_level="READ COMMITTED")
        return await _told(_patiently(patient, step))

    async def read(self, step: LedgerStep[T]) -> T:
        """Run `step` on a snapshot; see `Store`."""
        return await _told(self._sessions.run(step, ON_A_SNAPSHOT))

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
        except LedgerUnavailable as fault:
            if means := meaning(fault.reason):
                raise Misconfigured(f"BRIDGE_LEDGER_URL: {means} ({fault.reason})") from None
            if fault.reason.startswith(_REFUSALS):
                raise Misconfigured(f"BRIDGE_LEDGER_URL: refused by the server ({fault.reason})") from None
            raise

    async def close(self) -> None:
        """Disconnect."""
        await self._commits.close()
        await self._sessions.close()


_READ_ONLY = "25006"
# SQLSTATE classes: transaction rollback, such as of a deadlock; lock not available.
_ROLLED_BACK = ("40", "55P03")
# SQLSTATE classes: invalid authorisation, invalid catalogue name, insufficient privilege.
_REFUSALS = ("28", "3D", "42501")
# Data exception, integrity constraint violation, syntax error or access rule violation.
_OF_THE_STEP = ("22", "23", "42")


def _check_durability(connection: Connection) -> None:
    if connection.scalar(text("SHOW synchronous_commit")) == "off":
        raise Misconfigured("BRIDGE_LEDGER_URL: the server's synchronous_commit is off")


async def _patiently(engine: AsyncEngine, step: LedgerStep[T]) -> T:
    def run() -> T:
        with engine.sync_engine.begin() as connection, group_commit(connection):
            return step(connection)

    return await greenlet_spawn(run)


async def _told(running: Awaitable[T]) -> T:
    try:
        return await running
    except Exception as error:
        fault = _unavailable(error)
        if fault is None:
            raise
        raise fault from None


def _unavailable(error: Exception) -> LedgerUnavailable | None:
    # Of `Prepared` statements, and while connecting, the driver's errors come as they are.
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or type(error).__name__
        return None if code.startswith(_OF_THE_STEP) else LedgerUnavailable(code)
    if isinstance(error, (asyncpg.InterfaceError, asyncpg.InternalClientError)):
        # The latter of a session that the server has just ended.
        return LedgerUnavailable(type(error).__name__)
    if code := refusal(error):
        return LedgerUnavailable(code)
    return unavailable(error)
