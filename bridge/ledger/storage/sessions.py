"""The sessions of the ledger on a PostgreSQL server: kept open, one transaction on each at a time.

The driver begins and ends transactions itself: what SQLAlchemy does around one, with a pool of its own, costs
a worker more than the statements of a request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import await_only, greenlet_spawn

from bridge.ledger.storage.group_commit import group_commit
from bridge.ledger.storage.store import LedgerStep

T = TypeVar("T")

_FAREWELL: Final = 2.0
"""Seconds that a server has to see a session off."""
_PATIENTLY: Final = "SET LOCAL lock_timeout = 0"
SHARED: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
WRITING: Final = f"{SHARED}; {_PATIENTLY}"
ON_A_SNAPSHOT: Final = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_PATIENTLY}"
IMPATIENTLY: Final = "SET lock_timeout = '500ms'"
"""Of a session, for steps that others of the worker wait for: who has locked something may wait for those."""


class PostgresSessions:
    """Sessions that are made when they are needed, and used again.

    Args:
        connect: makes a connection of the driver.
        most: sessions at a time; who needs one more waits.
        patience: seconds that it waits.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], *, most: int, patience: float) -> None:
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",  # SQLAlchemy begins nothing
            hide_parameters=True,
        ).sync_engine
        self._patience = patience
        self._room = asyncio.Semaphore(most)
        self._idle: list[Connection] = []
        self._making: set[asyncio.Future[Connection]] = set()
        self._leaving: set[asyncio.Future[None]] = set()

    async def run(self, step: LedgerStep[T], begin: str | None) -> T:
        """Run `step` in a transaction that begins so; without one, each of its statements is its own.

        Raises:
            TimeoutError: all sessions were in use for too long.
        """
        async with asyncio.timeout(self._patience if self._room.locked() else None):
            await self._room.acquire()
        try:
            session = self._take() or await self._made()
            # One change into SQLAlchemy for all of it: a quarter cheaper than one for each call.
            return await greenlet_spawn(self._run, session, step, begin)
        finally:
            self._room.release()

    async def close(self) -> None:
        """Close those that nobody uses, at a server that is silent too."""
        await asyncio.gather(*self._making, *self._leaving, return_exceptions=True)
        idle, self._idle = self._idle, []
        farewells = (_driver(each).close(timeout=_FAREWELL) for each in idle)
        await asyncio.gather(*farewells, return_exceptions=True)
        for each in idle:
            await greenlet_spawn(each.close)

    def _take(self) -> Connection | None:
        while self._idle:
            session = self._idle.pop()  # the one used last: its statements are known to the server
            if not _driver(session).is_closed():
                return session
            _discard(session)
        return None

    async def _made(self) -> Connection:
        """A new session. One whose caller is cancelled is made all the same: else nobody would close it."""
        making = asyncio.ensure_future(greenlet_spawn(self._engine.connect))
        self._making.add(making)
        making.add_done_callback(self._making.discard)
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(self._keep)
            raise

    def _keep(self, made: "asyncio.Future[Connection]") -> None:
        if not made.cancelled() and made.exception() is None:
            self._idle.append(made.result())

    # What follows runs in SQLAlchemy's greenlet.

    def _run(self, session: Connection, step: LedgerStep[T], begin: str | None) -> T:
        try:
            answer = _transaction(session, step, begin)
        except BaseException as error:
            self._failed(session, error)
            raise
        self._idle.append(session)
        return answer

    def _failed(self, session: Connection, error: BaseException) -> None:
        """Go on with a session after an error; one of which it is not known how it stands is left."""
        if not isinstance(error, Exception):  # cancelled, perhaps while it commits: the server is told so
            self._leave([session])
            return
        if not isinstance(error, OSError) and _rolled_back(session):
            self._idle.append(session)
            return
        # Whatever is wrong with it is wrong with all. They are taken at once: to discard one waits, and
        # meanwhile another session may fail, and would find them closed, or end well and be kept.
        left = [session, *self._idle]
        self._idle.clear()
        for each in left:
            if not each.invalidated:
                _driver(each).terminate()
        self._leave(left)

    def _leave(self, sessions: Sequence[Connection]) -> None:
        """Discard each of them, to the end, though whoever waits for it is cancelled."""
        leaving = asyncio.ensure_future(greenlet_spawn(_discard_all, sessions))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        await_only(asyncio.shield(leaving))


def _transaction(session: Connection, step: LedgerStep[T], begin: str | None) -> T:
    driver = _driver(session)
    with session.begin():
        if begin is not None:
            await_only(driver.execute(begin))
        with group_commit(session):
            answer = step(session)
        if begin is not None:
            await_only(driver.execute("COMMIT"))
        return answer


def _rolled_back(session: Connection) -> bool:
    if session.invalidated or _driver(session).is_closed():
        return False
    try:
        await_only(_driver(session).execute("ROLLBACK"))
    except Exception:  # noqa: BLE001 - whatever it was, the first error is told
        return False
    return True


def _discard_all(sessions: Sequence[Connection]) -> None:
    for each in sessions:
        _discard(each)


def _discard(session: Connection) -> None:
    session.invalidate()
    session.close()


def _driver(session: Connection) -> Any:
    return session.connection.driver_connection
