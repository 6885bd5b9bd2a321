"""Streams on JetStream: their names, and how they are made.

==============================  =====================================================================
``<prefix>.events.<topic>``     stream ``<prefix>_events``: kept until somebody purges it
``<prefix>.requests.<key>``     the work queue's stream, ``<queue>`` with ``_`` for ``.``
``<queue>.again``               the same stream: copies whose delay is over
``<prefix>.events.<topic>``     the same stream too, for a queue of events: copied there by the server
``<queue>.wait``                stream ``<queue>_wait``, the delay queue: moved by any worker when due
``<queue>.dead``                stream ``<queue>_dead``: dead letters
==============================  =====================================================================

A subject belongs to one stream, so a routing key belongs to one queue here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig, StreamSource
from nats.js.errors import BadRequestError, NotFoundError

from bridge.bus.port import QueueSpec
from bridge.values import dataclass

CONSUMER: Final = "worker"
"""Durable name of the consumer that all workers of a stream share."""
_TOO_FEW: Final = frozenset({10005, 10074})
"""The server's numbers for copies that it cannot place: no suitable peers, not in a cluster."""
_DUPLICATES: Final = 120.0
"""Seconds in which the server drops a repeated publish."""


class TooFewServers(Exception):  # noqa: N818 - named for what is so
    """A stream cannot have as many copies as it should, because servers are away or there are none."""


def stream_of(subject: str) -> str:
    """Name of the stream that is named after a subject."""
    return subject.replace(".", "_")  # a dot separates the parts of a subject


def again(queue: QueueSpec) -> str:
    """Subject of copies that are worked on again."""
    return f"{queue.name}.again"


def delay_queue(queue: QueueSpec) -> str:
    """Subject of copies that wait."""
    return f"{queue.name}.wait"


@dataclass(frozen=True, slots=True)
class MadeStream:
    """A stream as it is made.

    Attributes:
        subject: that it is named after.
        config: of the stream itself; limits and replicas are the operator's.
        copied: subjects of events whose messages the server copies here, from the declaration on.
        is_pulled_from: whether it has the consumer that all workers share (`bridge.bus.nats.consumers`).
    """

    subject: str
    config: StreamConfig
    copied: Sequence[str] = ()
    is_pulled_from: bool = False

    @property
    def name(self) -> str:
        """Of the stream."""
        return stream_of(self.subject)


def stream_of_events(prefix: str) -> MadeStream:
    """What events are published to."""
    return _made(f"{prefix}.events", [f"{prefix}.events.>"], RetentionPolicy.LIMITS)


def streams_of(queue: QueueSpec, *, prefix: str) -> Iterator[MadeStream]:
    """All that belong to a work queue, in the order in which they are made.

    Args:
        queue: the work queue.
        prefix: first part of the subjects of requests and events.
    """
    work = [*(f"{prefix}.requests.{key}" for key in queue.keys), again(queue)]
    copied = [f"{prefix}.events.{topic}" for topic in queue.topics]
    wait, dead = delay_queue(queue), queue.dead_letters
    made = _made(queue.name, work, RetentionPolicy.WORK_QUEUE, is_pulled_from=True)
    yield replace(made, copied=copied)
    yield _made(wait, [wait], RetentionPolicy.WORK_QUEUE, is_pulled_from=True)
    yield _made(dead, [dead], RetentionPolicy.LIMITS)


def _made(
    subject: str, subjects: list[str], retention: RetentionPolicy, *, is_pulled_from: bool = False
) -> MadeStream:
    config = StreamConfig(
        name=stream_of(subject),
        subjects=subjects,
        retention=retention,
        storage=StorageType.FILE,
        duplicate_window=_DUPLICATES,
    )
    return MadeStream(subject, config, is_pulled_from=is_pulled_from)


async def declare_stream(js: JetStreamContext, made: MadeStream, *, replicas: int = 1) -> None:
    """Make a stream exist, durably, and hold its subjects.

    Args:
        js: connected.
        made: what it must be.
        replicas: of a new stream: on how many servers it is.

    Raises:
        BadRequestError: another stream holds one of them already.
        TooFewServers: there are fewer at this moment.
    """
    try:
        found = (await js.stream_info(made.name)).config
    except NotFoundError:
        sources = [await _source(js, one) for one in made.copied] or None
        try:
            await js.add_stream(made.config, sources=sources, num_replicas=replicas)
        except BadRequestError as error:
            if error.err_code in _TOO_FEW:
                raise TooFewServers(str(error.description)) from None
            raise
    else:
        # Limits and replicas are the operator's; only what leads here is ours.
        if set(found.subjects or ()) != set(made.config.subjects or ()):
            await js.update_stream(found, subjects=made.config.subjects)


async def _source(js: JetStreamContext, subject: str) -> StreamSource:
    """What is published under these subjects of events from now on."""
    stream = await js.find_stream_name_by_subject(subject)
    last = (await js.stream_info(stream)).state.last_seq
    return StreamSource(stream, filter_subject=subject, opt_start_seq=last + 1)
