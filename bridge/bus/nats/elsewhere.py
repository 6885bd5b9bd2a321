"""Leaving a NATS server that holds our connection and does nothing: it is cut off from the others.

Such a server goes on answering pings. It confirms nothing and hands over nothing until it is back among the
others, which can take hours; they work meanwhile. One address may be theirs as well: that of a balancer.
"""

import time
from typing import Final

from nats.aio.client import Client

from bridge.addresses import place_of
from bridge.observe import record
from bridge.observe.vocabulary.bus import ServerLeft

_PATIENCE: Final = 15.0
"""Seconds without anything done, more than it takes the others to choose a new leader."""


class Elsewhere:
    """Counts how long a server has done nothing of what it was asked for.

    Args:
        client: of which the connection is.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._since: float | None = None

    def done(self) -> None:
        """The server did what it was asked for."""
        self._since = None

    async def failed(self) -> None:
        """It did not: when that has lasted, connect again, to another one if there is one."""
        if not self._client.is_connected:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _PATIENCE:
            self._since = None
            if (server := self._client.connected_url) is not None:
                record(ServerLeft(place_of(server.geturl())))
            await self._client.force_reconnect()
