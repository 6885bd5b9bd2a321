"""The connection of a bus, which ends with whoever gives it up.

aio-pika connects again in a task of its own, which nothing but the connection's `close` ends: a cancellation
in the middle of an attempt is taken for a broken link, and the next attempt begins. Whoever is cancelled
while it connects has no connection to close, so the task would stay, one more for each try, and keep the
process from ending.
"""

import asyncio
from functools import partial
from typing import Any, Final

from aio_pika import RobustChannel, RobustConnection, connect, connect_robust
from aio_pika.abc import AbstractConnection, AbstractRobustConnection, TimeoutType
from pamqp.commands import Basic

from bridge.bus.access import Access
from bridge.bus.backoff import CALL_TIMEOUT
from bridge.bus.rabbit.caution import Caution
from bridge.bus.rabbit.nodes import Nodes, Way
from bridge.bus.rabbit.signing_in import SigningIn

_PAUSE: Final = 1.0
"""Seconds between two tries to connect again."""
FAREWELL: Final = 5.0
"""Seconds to say goodbye to a broker that may not listen any more."""


class BrokerLink:
    """The one connection of a bus: made when it is first wanted, and again whenever it is lost.

    Args:
        url: of any node.
        nodes: which of them it connects to.
        access: of the settings.
        caution: says how many messages its consumers take at a time.
    """

    def __init__(self, url: str, *, nodes: Nodes, access: Access, caution: Caution) -> None:
        self._url = url
        self._connection_class = partial(_Connection, nodes=nodes, access=access, caution=caution)
        self._connection: AbstractRobustConnection | None = None

    async def connect(self) -> AbstractRobustConnection:
        """The connection. Once it was made it is the same one, also while it is lost."""
        if self._connection is None:
            # Each try has that time, later ones too: a broker may fall silent in the midst of it.
            self._connection = await connect_robust(
                self._url,
                connection_class=self._connection_class,
                reconnect_interval=_PAUSE,
                timeout=CALL_TIMEOUT,
            )
        return self._connection

    async def is_up(self, within: float) -> bool:
        """Whether there is a connection, or is one again after so many seconds at most."""
        if self._connection is None:
            return False
        try:
            async with asyncio.timeout(within):
                await self._connection.connected.wait()
        except TimeoutError:
            return False
        return True

    async def end(self) -> None:
        """Close it for good; whoever calls bounds the time."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


async def connect_apart(
    url: str,
    nodes: Nodes,
    access: Access,
    *,
    timeout: TimeoutType = None,  # noqa: ASYNC109 - the driver's own
) -> AbstractConnection:
    """A connection beside the broker's, which is not restored when it ends; to any of the nodes."""
    connection_class = partial(_Apart, nodes=nodes, access=access)
    return await connect(url, timeout=timeout, connection_class=connection_class)


class _ToAnyNode(SigningIn):
    def __init__(self, *arguments: Any, nodes: Nodes, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.kwargs["transport_factory"] = self._way = Way(nodes)

    async def _on_connected(self) -> None:
        await super()._on_connected()
        self._way.arrived()


class _Apart(_ToAnyNode):
    """A connection that ends for good when its link does."""


class _Channel(RobustChannel):
    """One whose consumers take no more at a time than caution allows, now and when they are restored."""

    _connection: "_Connection"

    async def set_qos(self, prefetch_count: int = 0, *arguments: Any, **options: Any) -> Basic.QosOk:
        allowed = self._connection.caution.at_once(prefetch_count)
        told = await super().set_qos(allowed, *arguments, **options)
        self._prefetch_count = prefetch_count
        return told

    async def _on_open(self) -> None:
        wanted = self._prefetch_count
        self._prefetch_count = self._connection.caution.at_once(wanted)
        try:
            await super()._on_open()
        finally:
            self._prefetch_count = wanted

    async def _on_close(self, closing: asyncio.Future[Any]) -> BaseException | None:
        try:
            return await super()._on_close(closing)
        except Exception as error:
            transport = self._connection.transport
            if transport is not None and not transport.connection.is_closed:
                raise
            # It was to be opened again by itself, and the connection is gone as well, which opens it when it
            # is there again. The driver would log an error for each channel.
            return error


class _Connection(_ToAnyNode, RobustConnection):
    CHANNEL_CLASS = _Channel

    def __init__(self, *arguments: Any, caution: Caution, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.caution: Final = caution

    async def _on_connected(self) -> None:
        self.caution.began()  # a message may end the link while consumers are restored
        await super()._on_connected()

    async def _on_connection_close(self, closing: asyncio.Future[Any]) -> None:
        if not self.close_called:
            self.caution.ended(None if closing.cancelled() else closing.exception())
        await super()._on_connection_close(closing)

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - the driver's own
        try:
            await super().connect(timeout)
        except BaseException:  # cancellation above all
            async with asyncio.timeout(FAREWELL):
                await self.close()
            raise
