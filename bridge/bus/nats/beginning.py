"""Which process begins with a queue that one process at a time takes from.

Two that begin at the same moment would each see that nobody takes from it. So whoever is to begin first has
the server make a consumer of a name: it makes one for one of them, and deletes it by itself soon after,
whatever becomes of that process. Nothing is ever pulled from it.
"""

from typing import Final

import orjson
from nats.aio.client import Client
from nats.js.errors import APIError

from bridge.bus.nats.consumers import ask_server
from bridge.bus.nats.streams import stream_of
from bridge.bus.port import QueueSpec

KEPT: Final = 10.0
"""Seconds: by then whoever may begin has begun, and is seen to."""
_NAME: Final = "beginning"
_NANOSECONDS: Final = 1_000_000_000
_HAS_IT: Final = 10148
"""The server's number for a consumer that is there already, as another one made it."""


async def may_begin(client: Client, queue: QueueSpec, holder: str) -> bool:
    """Whether this process begins, and no other for `KEPT` seconds from now.

    Args:
        client: connected.
        queue: declared.
        holder: names this process.

    Raises:
        nats.js.errors.APIError: the server's answer is no for another reason.
    """
    # Beside the dead letters: a stream of work has room for one consumer.
    stream = stream_of(queue.dead_letters)
    config = {
        "durable_name": _NAME,
        "metadata": {"holder": holder},  # one of the same settings would be as good as made
        "ack_policy": "none",
        "deliver_policy": "new",
        "inactive_threshold": round(KEPT * _NANOSECONDS),
    }
    request = orjson.dumps({"stream_name": stream, "config": config, "action": "create"})
    try:
        await ask_server(client, f"CONSUMER.DURABLE.CREATE.{stream}.{_NAME}", request)
    except APIError as error:
        if error.err_code != _HAS_IT:
            raise
        return False
    return True
