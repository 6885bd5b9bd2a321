"""How the ledger reaches its database: a step is a function of a connection, run in a transaction.

Steps are plain functions over SQLAlchemy Core, written once for both databases::

    def step(connection: Connection) -> int:
        return connection.execute(...).rowcount

    changed = await store.write(step)

`write` returns when the transaction is durable. A step may be run again after a rollback, so it changes
nothing but the database. Several steps may share a transaction; one that raises takes no other with it.
"""

import sqlite3
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bridge.ledger.errors import LedgerUnavailable

T = TypeVar("T")
LedgerStep = Callable[[Connection], T]

Progress = Callable[[int, int | None], None]
"""Told now and then how much of a long step is done, and of how much, where that is known."""

_OF_THE_STEP = (
    *(DataError, IntegrityError, ProgrammingError),
    *(sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError),
)
_DATA_EXCEPTION = "22"  # SQLSTATE class: the value itself cannot be stored


def untold(_done: int, _total: int | None) -> None:
    """Nobody asked how far it is."""


def in_turn(*steps: LedgerStep[object]) -> LedgerStep[None]:
    """All of these as one step."""

    def every(connection: Connection) -> None:
        for step in steps:
            step(connection)

    return every


class Store(Protocol):
    """A database that runs steps."""

    async def check(self) -> None:
        """Whether it can be used; makes it where there is none, unless it is only read.

        Raises:
            Misconfigured: it refuses us, or does not keep what it confirms.
            LedgerUnavailable: it cannot be reached now.
        """

    async def upgrade(self) -> None:
        """Bring it to the schema of this version, with every index.

        Raises:
            Misconfigured: a newer version made it.
            LedgerUnavailable: it cannot be reached now.
        """

    async def write(
        self,
        step: LedgerStep[T],
        *,
        single: bool = False,
        shared: bool = False,
        synced: bool = True,
        alone: bool = False,
    ) -> T:
        """Run `step` in a transaction; returns when that is durable.

        Args:
            step: what to do.
            single: it is one statement, so a server need not be told where the transaction begins and ends.
            shared: steps of other requests may be in the same one, on a server too: this step waits for
                nobody as a rule.
            synced: a loss of power may not take it. Otherwise that may, but no end of the process: for what a
                redelivery makes good. A server's commits are all synced.
            alone: the worker has no other request in hand, and one that comes meanwhile waits for this step
                anyway: it may hold up the event loop, where it is not `synced`.

        Raises:
            LedgerUnavailable: the database cannot do it now; unless it was asked to commit, nothing is kept.
        """

    async def write_patiently(self, step: LedgerStep[T]) -> T:
        """Run `step` in a transaction, however long it takes.

        Raises:
            LedgerUnavailable: as `write` does.
        """

    async def read(self, step: LedgerStep[T]) -> T:
        """Run `step`, which only reads, beside the writers.

        Raises:
            LedgerUnavailable: the database cannot do it now.
        """

    async def give_back_space(self) -> None:
        """Return to the file system what pruning freed, where the database does not by itself."""

    async def close(self) -> None:
        """End what runs and disconnect."""


def unavailable(error: Exception) -> LedgerUnavailable | None:
    """What a driver's error means to the caller; None when it is a fault of the step itself."""
    if isinstance(error, _OF_THE_STEP):
        return None
    if isinstance(error, (DBAPIError, sqlite3.Error)):
        # The driver's own text may quote values: only its code is kept.
        origin = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
        code = code or type(origin).__name__
        return None if code.startswith(_DATA_EXCEPTION) else LedgerUnavailable(code)
    if isinstance(error, (OSError, PoolTimeout)):  # OSError: also TimeoutError
        return LedgerUnavailable(type(error).__name__)
    return None
