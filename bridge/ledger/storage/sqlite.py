"""The ledger on SQLite: one machine, one file, one writer at a time.

Steps run in threads of their own, so that nobody waits for a disk who has something else to do. Steps that
are asked for while a commit is under way share the next one: many requests, one fsync. A step that need not
be on the disk, asked for when the worker has no other request in hand, runs at once in the event loop: to
wake a thread, and to be woken by it, costs more than that.
"""

import asyncio
import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import URL, Connection, NullPool, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.errors import Misconfigured
from bridge.ledger.errors import LedgerUnavailable, NoLedger
from bridge.ledger.storage import schema
from bridge.ledger.storage.group_commit import group_commit
from bridge.ledger.storage.joint_commits import AskedStep, JointCommits, StepResult
from bridge.ledger.storage.store import LedgerStep, unavailable

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes."""
_PAGES_PER_VACUUM = 200
_BUSY_PAUSE = 0.01
_STATEMENTS = 512
"""Kept by the driver; `bridge.ledger.storage.group_commit` has one for every number of rows."""


class SqliteStore:
    """A file with a write-ahead log, synchronised at every commit that must outlast a loss of power.

    Args:
        path: the file.
        busy_seconds: see `BUSY_SECONDS`.
        read_only: nothing of it is made or changed.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._engine = create_engine(
            URL.create("sqlite", database=str(path)),
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={
                "timeout": busy_seconds,
                "check_same_thread": False,
                "cached_statements": _STATEMENTS,
            },
        )
        self._busy_seconds = busy_seconds
        self._busy_ms = int(busy_seconds * 1000)
        event.listen(self._engine, "connect", self._prepare)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="ledger-write")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="ledger-read")
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._set = _Pragmas("FULL", self._busy_ms)
        """Of the writer, unless that is a new one: then it is this or more."""
        self._commits = JointCommits(self._share)

    async def check(self) -> None:
        """Make the file when there is none, readable by its owner only.

        Raises:
            Misconfigured: it cannot be made, or not written to.
            NoLedger: it is only to be read, and there is none.
        """
        if self._read_only:
            if not self._path.exists():
                raise NoLedger(f"there is no ledger {self._path}")
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
            # Not opened to try: closing it would drop the locks of this process's other connections (POSIX),
            # and another process, the last one as far as it can tell, would take the journal away.
            if not os.access(self._path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise Misconfigured(
                f"the ledger's file {self._path} cannot be written: {error.strerror}"
            ) from None

    async def upgrade(self) -> None:
        """Migrate; see `Store`."""
        await self.write(schema.upgrade)

    async def write(
        self,
        step: LedgerStep[T],
        *,
        single: bool = False,
        shared: bool = False,  # noqa: ARG002 - all are
        synced: bool = True,
        alone: bool = False,
    ) -> T:
        """Run `step` in a transaction; see `Store`."""
        if alone and not synced and self._writer is not None and self._commits.is_idle:
            [result] = self._commit([step], synced=False, patient=False)
            if not _is_busy(result.error):
                value: T = _value_of(result)
                return value
        return await self._commits.write(step, single=single, synced=synced)

    async def write_patiently(self, step: LedgerStep[T]) -> T:
        """Run `step` in a transaction; see `Store`."""
        return await self.write(step)

    async def read(self, step: LedgerStep[T]) -> T:
        """Run `step` on a snapshot; see `Store`."""
        result = await asyncio.get_running_loop().run_in_executor(self._reading, self._look, step)
        answer: T = _value_of(result)
        return answer

    async def give_back_space(self) -> None:
        """Shrink the file by the pages that are free, a few at a time so that writers are not held up."""
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(self._writing, self._vacuum):
            pass

    async def close(self) -> None:
        """Commit what was asked for, then close the file."""
        await self._commits.close()
        loop = asyncio.get_running_loop()
        # Each in the thread that uses it: what a caller who is gone asked for may still run there, and the
        # driver crashes when its connection is closed meanwhile.
        await loop.run_in_executor(self._reading, self._end_reading)
        await loop.run_in_executor(self._writing, self._end_writing)
        self._writing.shutdown()
        self._reading.shutdown()

    async def _share(self, asked: Sequence[AskedStep]) -> Sequence[StepResult]:
        steps, synced = [one.step for one in asked], any(one.synced for one in asked)
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._commit, steps, synced)

    # What follows runs in the threads; `_commit` also where a step runs at once.

    def _commit(
        self,
        steps: Sequence[LedgerStep[Any]],
        synced: bool,  # noqa: FBT001 - of a thread
        patient: bool = True,  # noqa: FBT001, FBT002 - of a thread
    ) -> list[StepResult]:
        try:
            if self._writer is None:
                self._writer = self._engine.connect()
            self._set_up(
                self._writer, _Pragmas("FULL" if synced else "NORMAL", self._busy_ms if patient else 0)
            )
            with _transaction(self._writer, "BEGIN IMMEDIATE"), group_commit(self._writer):
                return [StepResult(step(self._writer)) for step in steps]
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the step
            fault = unavailable(error)
            if fault is not None or len(steps) == 1:
                return [StepResult(error=fault or error)] * len(steps)
        # One of them is at fault, and all were rolled back: each for itself, then.
        return [result for step in steps for result in self._commit([step], synced)]

    def _set_up(self, writer: Connection, wanted: "_Pragmas") -> None:
        # What comes before a synced commit in the log is on the disk with it.
        if self._set != wanted:
            driver = writer.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.execute(f"PRAGMA synchronous = {wanted.synchronous}")
            if self._set.busy_timeout != wanted.busy_timeout:
                driver.execute(f"PRAGMA busy_timeout = {wanted.busy_timeout}")
            self._set = wanted

    def _look(self, step: LedgerStep[Any]) -> StepResult:
        try:
            if self._reader is None:
                self._reader = self._engine.connect()
            with _transaction(self._reader, "BEGIN"), group_commit(self._reader):
                return StepResult(step(self._reader))
        except Exception as error:  # noqa: BLE001 - as above
            return StepResult(error=unavailable(error) or error)

    def _vacuum(self) -> bool:
        """Free some pages; whether more are left."""
        with self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            try:
                before = _free_pages(driver)
                # As a script, which is run to its end: a cursor takes one step of this, and frees one page.
                driver.executescript(f"PRAGMA incremental_vacuum({_PAGES_PER_VACUUM})")
                left = _free_pages(driver)
                more = 0 < left < before  # a file that somebody made otherwise frees none
                if not more:
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError as error:
                raise LedgerUnavailable(error.sqlite_errorname) from None
        return more

    def _prepare(self, connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # `_transaction` begins them, the driver guesses none
        if self._read_only:
            connection.execute("PRAGMA query_only = ON")
            return
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded in a new file only
        _use_write_ahead_log(connection, self._busy_seconds)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    def _end_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _end_writing(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()


class _Pragmas(NamedTuple):
    """How a connection commits: whether it waits for the disk; how many ms for somebody else who writes."""

    synchronous: str
    busy_timeout: int


def _value_of(result: StepResult) -> Any:
    if result.error:
        raise result.error
    return result.value


def _is_busy(error: Exception | None) -> bool:
    return isinstance(error, LedgerUnavailable) and error.reason.startswith("SQLITE_BUSY")


def _free_pages(connection: sqlite3.Connection) -> int:
    count: int
    (count,) = connection.execute("PRAGMA freelist_count").fetchone()
    return count


def _use_write_ahead_log(connection: sqlite3.Connection, wait_seconds: float) -> None:
    # While another process makes the file, SQLite says "busy" at once instead of waiting for it.
    give_up_at = time.monotonic() + wait_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(_BUSY_PAUSE)
        else:
            return


@contextmanager
def _transaction(connection: Connection, begin: str) -> Iterator[None]:
    # A writer takes the lock at once: one that read first could not wait for it any more. Not a listener of
    # the engine: with one of any kind, SQLAlchemy looks for listeners at every statement.
    driver: Any = connection.connection.driver_connection
    with connection.begin():
        driver.execute(begin)
        yield
