"""Streams and consumers that an administrator makes: printed for NATS' own tools, and held to what is needed.

What they must be is what would be declared (`bridge.bus.nats.streams`). Limits, replicas and places are the
administrator's; limits by which messages are lost are told by `bridge doctor` (`bridge.bus.nats.condition`).
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig, StreamSource
from nats.js.errors import NotFoundError

from bridge.bus.nats.consumers import consumer_config, differences, needed
from bridge.bus.nats.streams import CONSUMER, MadeStream

_MUST_BE_THE_SAME: Final = ("retention", "storage", "no_ack", "sealed", "deny_delete", "mirror")


def as_requests(
    made: Sequence[MadeStream], *, ack_wait: float, replicas: int | None, now: datetime
) -> dict[str, object]:
    """What the requests of JetStream's API hold that make all of this; ``nats … add --config`` takes each.

    Args:
        made: the stream of events first.
        ack_wait: seconds after which the server hands a message over again when nothing is said.
        replicas: on how many servers each stream is to be; None leaves it to whoever makes it.
        now: copies of events begin here: what was published before is not sent out late.
    """
    consumer = {name: value for name, value in needed(ack_wait=ack_wait).items() if value is not None}
    return {
        "streams": [
            replace(
                each.config,
                sources=[
                    StreamSource(made[0].name, filter_subject=subject, opt_start_time=now)
                    for subject in each.copied
                ]
                or None,
                num_replicas=replicas,
            ).as_dict()
            for each in made
        ],
        "consumers": [
            {"stream_name": each.name, "config": {"durable_name": CONSUMER, **consumer}}
            for each in made
            if each.is_pulled_from
        ],
    }


async def faults_of(
    client: Client, js: JetStreamContext, made: Sequence[MadeStream], *, ack_wait: float
) -> AsyncIterator[str]:
    """What is wrong with streams and their consumers, each with its name.

    Args:
        client: connected.
        js: of the same connection.
        made: what they must be.
        ack_wait: as for `as_requests`.
    """
    for each in made:
        name = f"stream {each.name}"
        try:
            found = (await js.stream_info(each.name)).config
        except NotFoundError:
            yield f"{name}: does not exist"
            continue
        for fault in _of_stream(found, each):
            yield f"{name}: {fault}"
        if not each.is_pulled_from:
            continue
        try:
            config = await consumer_config(client, each.name)
        except NotFoundError:
            yield f"{name}: has no consumer {CONSUMER}"
            continue
        for difference in differences(config, ack_wait=ack_wait):
            yield f"{name}: its consumer {CONSUMER}: {difference}"


def _of_stream(found: StreamConfig, made: MadeStream) -> Iterator[str]:
    for name in _MUST_BE_THE_SAME:
        has, must = (_plain(getattr(config, name)) for config in (found, made.config))
        if has != must:
            yield f"{name} is {has or 'unset'}, must be {must or 'unset'}"
    has, must = set(found.subjects or ()), set(made.config.subjects or ())
    yield from (f"lacks subject {subject}" for subject in sorted(must - has))
    yield from (f"has subject {subject}, which is not its own" for subject in sorted(has - must))
    if found.duplicate_window < made.config.duplicate_window:
        yield f"duplicate_window is {found.duplicate_window:g} s, must be {made.config.duplicate_window:g} s"
    copied = {source.filter_subject for source in found.sources or ()}
    yield from (f"has no source of subject {one}" for one in made.copied if one not in copied)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value or None
