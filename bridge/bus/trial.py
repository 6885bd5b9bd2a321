"""One try to connect, and why it failed: the bus itself waits for a broker for as long as it takes."""

import asyncio

from bridge.bus.access import AS_THE_URL_SAYS, Access
from bridge.bus.administered import administered
from bridge.bus.installed import bus_for, make_bus
from bridge.errors import Misconfigured, NoConnection
from bridge.observe.causes import NO_ANSWER, cause_of
from bridge.settings import Settings

_TIMEOUT = 8.0


async def try_connection(
    url: str,
    *,
    prefix: str = "gpconnect",
    with_rights: bool = False,
    access: Access = AS_THE_URL_SAYS,
    administrator: Settings | None = None,
) -> None:
    """Connect to the broker once, log in, and close the connection.

    Args:
        url: as ``BRIDGE_BUS_URL`` has it.
        prefix: ``BRIDGE_BUS_PREFIX``.
        with_rights: whether the rights that a worker needs are tried as well; else nothing is declared.
        access: what the settings say beside the URL.
        administrator: given, the queues are an administrator's: nothing is declared in any case.

    Raises:
        NoConnection: with the cause as a code and a sentence; of the URL never more than the user's name.
    """
    try:
        bus_for(url)
    except Misconfigured as fault:
        raise NoConnection("scheme_unknown", str(fault)) from None
    try:
        async with asyncio.timeout(_TIMEOUT):
            bus = make_bus(url, prefix=prefix, on_lost=None, access=access)
            if administrator is not None:
                administered(bus).leave_declaring(administrator)
            await bus.try_connection(with_rights=with_rights)
    except (NoConnection, Misconfigured):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, there is no connection
        cause = NO_ANSWER if isinstance(error, TimeoutError) else cause_of(error)
        if cause is None:
            raise NoConnection("unknown", type(error).__name__) from None  # its text may hold the URL
        raise NoConnection(cause.code, cause.sentence) from None
