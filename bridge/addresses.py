"""Several addresses in one URL: nodes of a cluster, any of which will do; and which of them is tried next.

``amqps://user:password@a:5671,b:5671,c:5671/vhost`` names three. What surrounds the addresses holds for each
of them: scheme, user, path and parameters. One way to write it for every broker and database.
"""

import random
import re
import time
from collections.abc import Iterable
from typing import Final, Generic, TypeVar
from urllib.parse import unquote, urlsplit

from bridge.errors import Misconfigured

Node = TypeVar("Node")

_SCHEME: Final = re.compile(r"/?,([A-Za-z][A-Za-z0-9+.-]*)://")
"""Before a later address, as clients of NATS write it."""
_AUTHORITY: Final = re.compile(r"[^/?#]*")
_ADDRESS: Final = re.compile(r"(\[[^\[\]]+\]|[^\[\]:\s]+)(?::([0-9]+))?")
WITH_ADDRESSES: Final = frozenset({"amqp", "amqps", "nats", "tls"})
"""Schemes of our own buses; what stands in the URL of another package's is its own affair."""
_LATELY: Final = 30.0
"""Seconds for which an address that failed is tried after the others."""
_HIGHEST_PORT: Final = 65535


def each_address(url: str, setting: str) -> tuple[str, ...]:
    """The URL of each address that a URL names, in the order in which they stand there, each once.

    A URL without any address is returned as it is: what it means is up to the driver.

    Args:
        url: with commas between its addresses.
        setting: the variable that it stands in, for what is said of a fault.

    Raises:
        Misconfigured: an address cannot be read. Nothing of the URL is told: it holds a password.
    """
    check_readable(url, setting)
    scheme, _, rest = url.partition("://")
    before_parameters, mark, parameters = rest.partition("?")
    if any(other != scheme for other in _SCHEME.findall(before_parameters)):
        raise Misconfigured(f"{setting}: every address has the scheme of the first one")
    rest = _SCHEME.sub(",", before_parameters) + mark + parameters
    found = _AUTHORITY.match(rest)
    authority = found[0] if found else ""
    if not authority:
        return (url,)
    if any("@" in piece for piece in authority.split(",")[1:]):
        raise Misconfigured(f"{setting}: user and password stand once, before the first address; {_ESCAPES}")
    user, at, places = authority.rpartition("@")
    each = places.split(",")
    if len(each) == 1 and not places:
        return (url,)
    for number, place in enumerate(each, 1):
        if fault := _fault(place):
            raise Misconfigured(f"{setting}: address {number} {fault}")
    after = rest[len(authority) :]
    return tuple(dict.fromkeys(f"{scheme}://{user}{at}{place}{after}" for place in each))


def check_readable(url: str, setting: str) -> None:
    """See that a URL can be taken apart.

    Raises:
        Misconfigured: it cannot. Nothing of it is told, as Python's own error would: it holds a password.
    """
    try:
        urlsplit(url)
    except ValueError:
        raise Misconfigured(f"{setting}: cannot be read; {_ESCAPES}") from None


def _fault(place: str) -> str:
    if not place:
        return "is empty"
    found = _ADDRESS.fullmatch(place)
    if found is None:
        if place.count(":") > 1:
            return "is IPv6 and needs brackets, [::1]:5672"
        return f"is not host or host:port; {_ESCAPES}"
    if found[2] is not None and not 1 <= int(found[2]) <= _HIGHEST_PORT:
        return f"needs a port from 1 to {_HIGHEST_PORT}"
    return ""


_ESCAPES: Final = "in a user or password / is written %2F, ? %3F, # %23, @ %40, [ %5B, ] %5D and , %2C"


def password_of(url: str) -> str | None:
    """The password in a URL, of however many addresses; None where there is none."""
    authority = _AUTHORITY.match(url.partition("://")[2])
    user, at, _ = authority[0].rpartition("@") if authority else ("", "", "")
    return unquote(user.partition(":")[2]) if at and ":" in user else None


def place_of(url: str) -> str:
    """Host and port of a URL with one address, without its user: for logs and for the doctor."""
    authority = _AUTHORITY.match(url.partition("://")[2])
    return authority[0].rpartition("@")[2] if authority else ""


class NodeOrder(Generic[Node]):
    """Which node is tried next: any, in random order, and those that failed a moment ago after the others.

    Random, so that the clients of a node that is lost spread over those that are left.
    """

    def __init__(self) -> None:
        self._failed: dict[Node, float] = {}

    def order(self, nodes: Iterable[Node]) -> list[Node]:
        """All of them, those to be tried first in front."""
        now = time.monotonic()
        self._failed = {node: when for node, when in self._failed.items() if now - when < _LATELY}
        drawn = list(nodes)
        random.shuffle(drawn)
        return sorted(drawn, key=lambda node: self._failed.get(node, 0.0))

    def failed(self, node: Node) -> None:
        """It is away, or refused us."""
        self._failed[node] = time.monotonic()

    def works(self, node: Node) -> None:
        """It took us."""
        self._failed.pop(node, None)
