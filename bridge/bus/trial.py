"""One try to connect, and why it failed: the bus itself waits for a broker for as long as it takes."""

import asyncio
from urllib.parse import urlsplit

from bridge.bus.rights import try_nats, try_rabbit
from bridge.errors import NoConnection
from bridge.observe.causes import NO_ANSWER, cause_of

_TIMEOUT = 8.0


async def try_connection(url: str, *, prefix: str | None = None) -> None:
    """Connect to the broker once, log in, and close the connection.

    Args:
        url: ``amqp://``, ``amqps://``, ``nats://`` or ``tls://``, as ``BRIDGE_BUS_URL`` has it.
        prefix: ``BRIDGE_BUS_PREFIX``: the rights that a worker needs are tried as well (`bridge.bus.rights`).
            None: nothing is declared.

    Raises:
        NoConnection: with the cause as a code and a sentence; of the URL never more than the user's name.
    """
    scheme = urlsplit(url).scheme
    if scheme not in {"amqp", "amqps", "nats", "tls"}:
        raise NoConnection("scheme_unknown", "BRIDGE_BUS_URL must begin with amqp://, amqps:// or nats://")
    attempt = _rabbit if scheme in {"amqp", "amqps"} else _nats
    try:
        async with asyncio.timeout(_TIMEOUT):
            await attempt(url, prefix)
    except NoConnection:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, there is no connection
        cause = NO_ANSWER if isinstance(error, TimeoutError) else cause_of(error)
        if cause is None:
            raise NoConnection("unknown", type(error).__name__) from None  # its text may hold the URL
        raise NoConnection(cause.code, cause.sentence) from None


# A driver takes a good part of a second to load: the one that is used, and when it is.
async def _rabbit(url: str, prefix: str | None) -> None:
    from aio_pika import connect  # noqa: PLC0415 - see above

    async with await connect(url) as connection:
        if prefix is not None:
            await try_rabbit(connection, prefix)


async def _nats(url: str, prefix: str | None) -> None:
    from nats.aio.client import Client  # noqa: PLC0415 - see above

    from bridge.bus.nats.client import leave  # noqa: PLC0415 - see above

    faults: list[Exception] = []

    async def on_error(error: Exception) -> None:
        faults.append(error)

    client = Client()
    try:
        await client.connect(
            url, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0, error_cb=on_error
        )
    except Exception as error:  # noqa: BLE001 - raised again, or what it hides is
        # It says that there is no server left to try, when each was tried: the first fault is the cause.
        raise (faults[0] if faults else error) from None
    else:
        if prefix is not None:
            await try_nats(client, prefix, faults, url)
    finally:
        await leave(client)  # a client that was refused leaves its socket open
