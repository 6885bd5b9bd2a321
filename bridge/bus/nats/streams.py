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

from collections.abc import Sequence
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig, StreamSource
from nats.js.errors import BadRequestError, NotFoundError

from bridge.bus.port import QueueSpec

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


async def declare_stream(
    js: JetStreamContext,
    subject: str,
    subjects: list[str],
    retention: RetentionPolicy,
    copied: Sequence[str] = (),
    *,
    replicas: int = 1,
) -> None:
    """Make the stream that is named after `subject` exist, durably, and hold these subjects.

    Args:
        js: connected.
        subject: what the stream is named after.
        subjects: that lead here.
        retention: of a new stream.
        copied: subjects of the stream of events whose messages the server copies here, from now on.
        replicas: of a new stream: on how many servers it is.

    Raises:
        BadRequestError: another stream holds one of them already.
        TooFewServers: there are fewer at this moment.
    """
    wanted = StreamConfig(name=stream_of(subject), subjects=subjects)
    try:
        found = (await js.stream_info(stream_of(subject))).config
    except NotFoundError:
        try:
            await js.add_stream(
                wanted,
                retention=retention,
                storage=StorageType.FILE,
                duplicate_window=_DUPLICATES,
                sources=[await _source(js, one) for one in copied] or None,
                num_replicas=replicas,
            )
        except BadRequestError as error:
            if error.err_code in _TOO_FEW:
                raise TooFewServers(str(error.description)) from None
            raise
    else:
        # Limits and replicas are the operator's; only what leads here is ours.
        if set(found.subjects or ()) != set(subjects):
            await js.update_stream(found, subjects=subjects)


async def _source(js: JetStreamContext, subject: str) -> StreamSource:
    """What is published under these subjects of events from now on."""
    stream = await js.find_stream_name_by_subject(subject)
    last = (await js.stream_info(stream)).state.last_seq
    return StreamSource(stream, filter_subject=subject, opt_start_seq=last + 1)
