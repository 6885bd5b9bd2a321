"""The ledger and the bus of the installation, as far as they are there: a console that cannot ask says so.

Each is opened by a task of its own and stays open; one that is away is tried again, and whoever asks for it
meanwhile is told at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final, Generic, Literal, TypeVar

from bridge.observe import record
from bridge.observe.vocabulary.console import ConsoleSourceAway
from bridge.operations.site import LedgerUnavailable, Queues, Stores, open_queues, open_stores
from bridge.settings import Settings
from bridge.tasks import end
from bridge.values import dataclass

T = TypeVar("T")
SourceName = Literal["ledger", "bus"]

_FIRST_WAIT: Final = 3.0
"""Seconds that a page waits for a source that is being opened."""
_PAUSE: Final = 3.0
"""Seconds until one that is away is tried again."""
_BUS_TIMEOUT: Final = 20.0
"""Seconds of one look at the queues."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a page shows in place of what it could not ask: neither none nor an error."""

    source: SourceName


class Away(Exception):  # noqa: N818 - what the case is
    """The ledger or the bus cannot be asked now."""

    def __init__(self, source: SourceName) -> None:
        super().__init__(source)
        self.source: SourceName = source


class _Kept(Generic[T]):
    """Something opened, kept open, and opened again when it was found broken."""

    def __init__(self, source: SourceName, opening: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self.source: SourceName = source
        self._opening = opening
        self._opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._is_broken = asyncio.Event()
        self._is_away = False
        self._task = asyncio.create_task(self._keep())

    async def get(self) -> T:
        """What is open.

        Raises:
            Away: it is not, nor will be in a moment.
        """
        if self._is_away and not self._opened.done():
            raise Away(self.source)
        try:
            return await asyncio.wait_for(asyncio.shield(self._opened), _FIRST_WAIT)
        except TimeoutError as error:
            # Whoever asks next is told at once, until it is there.
            self._tell(error)
            raise Away(self.source) from None

    def broken(self, error: BaseException) -> None:
        """What is open does not answer: it is to be opened anew."""
        self._tell(error)
        self._is_broken.set()

    async def close(self) -> None:
        await end(self._task)

    async def _keep(self) -> None:
        while True:
            try:
                async with self._opening() as opened:
                    self._is_broken.clear()
                    self._is_away = False
                    self._opened.set_result(opened)
                    await self._is_broken.wait()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises: it is tried again
                self._tell(error)
            finally:
                if self._opened.done():
                    self._opened = asyncio.get_running_loop().create_future()
            await asyncio.sleep(_PAUSE)

    def _tell(self, error: BaseException) -> None:
        if not self._is_away:
            self._is_away = True
            record(ConsoleSourceAway(self.source, type(error).__name__))


class ConsoleSources:
    """What the pages ask; see `open_site`."""

    def __init__(self, settings: Settings, ledger: _Kept[Stores], bus: _Kept[Queues]) -> None:
        self.settings = settings
        self._ledger = ledger
        self._bus = bus

    @asynccontextmanager
    async def stores(self) -> AsyncIterator[Stores]:
        """The ledger, and all that is written down beside it.

        Raises:
            Away: it cannot be asked now.
        """
        stores = await self._ledger.get()
        try:
            yield stores
        except LedgerUnavailable as error:
            record(ConsoleSourceAway("ledger", error.reason))
            raise Away("ledger") from None

    @asynccontextmanager
    async def queues(self) -> AsyncIterator[Queues]:
        """The queues of all pipelines.

        Raises:
            Away: the broker cannot be asked now.
        """
        queues = await self._bus.get()
        try:
            async with asyncio.timeout(_BUS_TIMEOUT):
                yield queues
        except (TimeoutError, OSError) as error:
            self._bus.broken(error)
            raise Away("bus") from None

    async def of_ledger(self, question: Callable[[Stores], Awaitable[T]]) -> T | Unknown:
        """What the ledger answers, or that it is not known."""
        try:
            async with self.stores() as stores:
                return await question(stores)
        except Away as away:
            return Unknown(away.source)

    async def of_bus(self, question: Callable[[Queues], Awaitable[T]]) -> T | Unknown:
        """What the broker answers, or that it is not known."""
        try:
            async with self.queues() as queues:
                return await question(queues)
        except Away as away:
            return Unknown(away.source)


@asynccontextmanager
async def open_site(settings: Settings) -> AsyncIterator[ConsoleSources]:
    """The installation of these settings, while the block runs; it may be away at the start."""
    async with AsyncExitStack() as stack:
        ledger = _Kept("ledger", lambda: open_stores(settings))
        stack.push_async_callback(ledger.close)
        bus = _Kept("bus", lambda: open_queues(settings))
        stack.push_async_callback(bus.close)
        yield ConsoleSources(settings, ledger, bus)
