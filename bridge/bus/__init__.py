"""The bus: its port, what finds the bus that is installed for a URL, and those that come with us."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from bridge.bus.access import AS_THE_URL_SAYS, Access
from bridge.bus.administered import administered
from bridge.bus.installed import make_bus
from bridge.bus.nats.embedded import address_of_running, embedded_nats
from bridge.bus.port import Bus
from bridge.bus.trial import try_connection
from bridge.settings import Settings

__all__ = ["open_bus", "try_connection"]


@asynccontextmanager
async def open_bus(
    settings: Settings, *, on_lost: Callable[[], None] | None = None, join: bool = False
) -> AsyncIterator[Bus]:
    """The bus that ``BRIDGE_BUS_URL`` names, started; without one, a NATS server of our own.

    Args:
        settings: ``bus``, ``state_dir`` and ``stop_grace`` are read.
        on_lost: called when a consumer is gone and does not come back: end the process, to start anew.
        join: use the embedded server of a worker that runs on this machine, when there is one: for commands.

    Raises:
        Misconfigured: the URL is of no installed bus, a file is not what it should be, or the embedded server
            cannot start.
    """
    async with AsyncExitStack() as stack:
        access = Access.of(settings) if settings.bus.url else AS_THE_URL_SAYS
        url = settings.bus.url
        if url is None and join:
            url = address_of_running(settings.state_dir)
        if url is None:
            url = await stack.enter_async_context(embedded_nats(settings.state_dir, on_lost=on_lost))
        bus = make_bus(url, prefix=settings.bus.prefix, on_lost=on_lost, access=access)
        if settings.leaves_queues_to_administrator:
            administered(bus).leave_declaring(settings)
        try:
            await bus.start()
            yield bus
        finally:
            await bus.stop(grace=settings.stop_grace)
