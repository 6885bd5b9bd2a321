"""The bus port and its adapters: RabbitMQ, NATS JetStream, and a NATS server of our own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from bridge.bus.nats.embedded import address_of_running, embedded_nats
from bridge.bus.port import Bus
from bridge.bus.trial import try_connection
from bridge.errors import Misconfigured
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
        Misconfigured: the URL names no bus we know, or the embedded server cannot start.
    """
    async with AsyncExitStack() as stack:
        url = settings.bus.url
        if url is None and join:
            url = address_of_running(settings.state_dir)
        if url is None:
            url = await stack.enter_async_context(embedded_nats(settings.state_dir, on_lost=on_lost))
        bus = _bus(url, settings.bus.prefix, on_lost)
        try:
            await bus.start()
            yield bus
        finally:
            await bus.stop(grace=settings.stop_grace)


def _bus(url: str, prefix: str, on_lost: Callable[[], None] | None) -> Bus:
    # A driver takes a good part of a second to load: the one that is used, and when it is.
    match urlsplit(url).scheme:
        case "amqp" | "amqps":
            from bridge.bus.rabbit.bus import RabbitBus  # noqa: PLC0415 - see above

            return RabbitBus(url, prefix=prefix, on_lost=on_lost)
        case "nats" | "tls":
            from bridge.bus.nats.bus import NatsBus  # noqa: PLC0415 - see above

            return NatsBus(url, prefix=prefix, on_lost=on_lost)
        case _:
            raise Misconfigured("BRIDGE_BUS_URL: must begin with amqp://, amqps:// or nats://")
