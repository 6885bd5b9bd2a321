"""Which node of a RabbitMQ cluster a connection leads to: any that takes us; those that failed lately last.

The driver knows one address. It lets its link be opened by somebody else, which is done here, for the
connection that is restored when it ends as for those beside it: consumers and publishers pass over the same.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from bridge.addresses import NodeOrder
from bridge.bus.backoff import CALL_TIMEOUT
from bridge.observe import record
from bridge.observe.causes import cause_of
from bridge.observe.vocabulary.bus import NodePassedOver

_PORTS: Final = {"amqp": 5672, "amqps": 5671}
_HERE: Final = "localhost"


class _Node(NamedTuple):
    host: str
    port: int
    name: str
    """What its certificate must be issued to."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Nodes:
    """The nodes of a cluster, and which of them failed a moment ago; for all connections of a bus.

    Args:
        addresses: URLs with one address each; a single one may be a name that stands for several nodes.
    """

    def __init__(self, addresses: Sequence[URL]) -> None:
        self._addresses = [
            _Node(url.host or _HERE, url.port or _PORTS.get(url.scheme, _PORTS["amqp"]), url.host or _HERE)
            for url in addresses
        ]
        self.preference: NodeOrder[_Node] = NodeOrder()

    async def found(self) -> Sequence[_Node]:
        """All of them: those that are listed, or those that the one name stands for at this moment."""
        if len(self._addresses) > 1:
            return self._addresses
        [only] = self._addresses
        try:
            told = await asyncio.get_running_loop().getaddrinfo(only.host, only.port, type=socket.SOCK_STREAM)
        except OSError:
            return [only]  # who opens it says so
        hosts = dict.fromkeys(str(address[0]) for *_, address in told)
        return [_Node(host, only.port, only.name) for host in hosts] if len(hosts) > 1 else [only]


class Way(TransportFactory):
    """How one connection comes to a node: it asks one after the other until one takes the link."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._tried: _Node | None = None
        self._passed_over: dict[_Node, str] = {}

    async def create(self, url: URL, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A link to a node; until `arrived` that one counts as a node that may yet refuse us.

        Raises:
            AMQPConnectionError, OSError: none takes it; the first that waiting does not cure, if any.
        """
        preference = self._nodes.preference
        nodes = preference.order(await self._nodes.found())
        # All of them within the time of one try, so that one which swallows everything does not use it up.
        patience = CALL_TIMEOUT / (len(nodes) + 1) if len(nodes) > 1 else None
        faults: list[tuple[bool, Exception]] = []
        for node in nodes:
            self._tried = node
            preference.failed(node)
            try:
                async with asyncio.timeout(patience):
                    return await _open(node, url, dict(options))
            except (OSError, AMQPConnectionError) as error:
                cause = cause_of(error)
                self._passed_over[node] = cause.code if cause else type(error).__name__
                faults.append((cause is None or cause.heals, error))
        raise min(faults, key=lambda fault: fault[0])[1]

    def arrived(self) -> None:
        """The node that was tried last has let us in."""
        if self._tried is not None:
            self._nodes.preference.works(self._tried)
            self._passed_over.pop(self._tried, None)
        for node, cause in self._passed_over.items():
            record(NodePassedOver("rabbitmq", str(node), cause))
        self._passed_over.clear()


async def _open(
    node: _Node, url: URL, options: dict[str, Any]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    there = url.with_host(node.host).with_port(node.port)
    if url.scheme != "amqps":
        return await TCPTransportFactory().create(there, **options)
    return await TLSTransportFactory().create(there, server_hostname=node.name, **options)
