"""Ports for servers that are told where to listen, and that come back there after a stop."""

import os
import secrets
import socket

# Below what systems give to whoever asks for any port or connects (Linux from 32768, others from 49152): a port
# from there may be somebody's connection before its server listens.
_LOWEST, _HIGHEST = 20_000, 32_000
_SHARES = 16


def _share() -> range:
    """The ports of this process of the tests: a server takes seconds to listen on the one that it was given."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES
    size = (_HIGHEST - _LOWEST) // _SHARES
    return range(_LOWEST + number * size, _LOWEST + (number + 1) * size)


class _Round:
    """Goes round the share of this process, from anywhere: what was given comes up again last of all.

    A server with three ports asks for them one after the other and listens later: taken at random, two would
    be the same in one of some hundred servers.
    """

    def __init__(self) -> None:
        self._share = _share()
        self._next = secrets.randbelow(len(self._share))

    def take(self, count: int) -> range:
        """So many ports in a row, free or not."""
        first = self._next if self._next + count <= len(self._share) else 0
        self._next = first + count
        return self._share[first : self._next]


_round = _Round()


def free_port() -> int:
    """A port of this machine where nobody listens."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many ports in a row where nobody listens."""
    while True:
        ports = _round.take(count)
        if all(_is_free(port) for port in ports):
            return ports[0]


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
