"""Messages out of a stream, one by one, whatever happens to the link; and the door of the delay queue."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext

from bridge.bus import control_headers
from bridge.bus.backoff import Backoff
from bridge.bus.nats.capacity import Capacity
from bridge.bus.nats.consumers import PULL_TIMEOUT
from bridge.bus.nats.messages import PutBytes, copied, delivery
from bridge.bus.nats.streams import again
from bridge.bus.port import Delivery, QueueSpec, Unpublishable
from bridge.observe import record
from bridge.observe.vocabulary.bus import MoveFailed

TROUBLE: Final = (Error, OSError, TimeoutError)
"""What a call on a connection that breaks may raise."""
About = Callable[[Delivery], AbstractContextManager[None]]
"""Around what is logged of a message, so that its lines name the request."""
_LONGEST_NAK: Final = 3600.0


async def next_message(source: JetStreamContext.PullSubscription, capacity: Capacity) -> Msg:
    """The next message of a consumer, however long it takes and whatever happens to the link.

    None is asked for while the server has no room for what would come of it.
    """
    backoff = Backoff("pull_retrying")
    while True:
        await capacity.wait()
        try:
            [message] = await source.fetch(1, timeout=PULL_TIMEOUT)
        except TimeoutError:
            continue  # nothing came
        except TROUBLE as error:
            await backoff.wait(error)
        else:
            return message


async def move_due(
    queue: QueueSpec,
    source: JetStreamContext.PullSubscription,
    capacity: Capacity,
    put: PutBytes,
    about: About,
) -> None:
    """Send each copy that waits back to work when its time has come; runs until it is cancelled.

    Args:
        queue: its work queue.
        source: the consumer of its delay queue.
        capacity: of the server.
        put: for the copies that go to work.
        about: around what is logged of one.
    """
    while True:
        message = await next_message(source, capacity)
        wait = control_headers.wait(message.headers or {}, time.time())
        try:
            if wait:
                await message.nak(delay=min(wait, _LONGEST_NAK))
            else:
                await put(again(queue), message.data, copied(message))
                await message.ack()
        except (*TROUBLE, Unpublishable) as error:
            with about(delivery(message, requests="", trusted=control_headers.ALL)):
                record(MoveFailed(queue.name, type(error).__name__))
