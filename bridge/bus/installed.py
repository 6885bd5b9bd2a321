"""The buses of this installation: each is found by the scheme of its URL, and loaded when it is used."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from inspect import Parameter, signature
from typing import Final, cast

from bridge.bus.access import Access
from bridge.bus.port import Bus, BusFactory, SignedBusFactory
from bridge.errors import Misconfigured
from bridge.installed import offered

ENTRY_POINTS: Final = "gpconnect_bridge.buses"
"""The group; the name of an entry point in it is a URL scheme, and what it names is a `BusFactory`."""


def bus_for(url: str) -> BusFactory:
    """What makes the bus for a URL.

    Raises:
        Misconfigured: no installed package has a bus for its scheme, or two have.
    """
    known: dict[str, EntryPoint] = {}
    for point in offered(ENTRY_POINTS):
        if point.name in known:
            raise Misconfigured(f"two installed packages have a bus for {point.name}://")
        known[point.name] = point
    scheme = _scheme(url)
    if scheme not in known:
        # What stands there is not told: in front of the first colon may be a user as well.
        schemes = ", ".join(f"{name}://" for name in sorted(known)) or "none is installed"
        raise Misconfigured(f"BRIDGE_BUS_URL: must begin with the scheme of an installed bus ({schemes})")
    # A driver takes a good part of a second to load: the one that is used, and when it is.
    factory: BusFactory = known[scheme].load()
    return factory


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def make_bus(url: str, *, prefix: str, on_lost: Callable[[], None] | None, access: Access) -> Bus:
    """The bus for a URL, not started yet; it is told of the access where the settings say anything of it.

    Raises:
        Misconfigured: see `bus_for`; or it takes its credentials by its URL alone.
    """
    factory = bus_for(url)
    if not access.says_anything:
        return factory(url, prefix=prefix, on_lost=on_lost)
    takes = signature(factory).parameters
    if "access" not in takes and all(each.kind is not Parameter.VAR_KEYWORD for each in takes.values()):
        raise Misconfigured(
            f"BRIDGE_BUS_URL: the bus of {_scheme(url)}:// takes no certificates and passwords from "
            "BRIDGE_BUS_…: its URL says all"
        )
    signed = cast("SignedBusFactory", factory)
    return signed(url, prefix=prefix, on_lost=on_lost, access=access)
