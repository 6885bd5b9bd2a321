"""What a NATS server tells of its streams: limits that an operator has set, damage, and the time.

A stream drops its oldest messages when one of its limits is reached, unless it refuses new ones
(``discard: new``); age always drops. What is dropped so was never worked on, and nobody is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from nats.aio.client import Client

from bridge.bus.condition import BusCondition

_TIMEOUT: Final = 5.0
_LEAST_AGE_OF_EVENTS: Final = timedelta(days=7)
"""Events that were read may go at some time; whoever reads them may be away for a week."""
_WITH_DAMAGE: Final = b'{"deleted_details": true}'
"""Else the server tells of no damage."""
_NEARLY: Final = 0.95
"""The share of its bytes at which a stream may have no place for a message any more."""
_LIMITS: Final = ("max_msgs", "max_bytes", "max_msgs_per_subject")


async def condition_of(client: Client, *, queues: Sequence[str], events: str) -> BusCondition:
    """Ask for each stream.

    Args:
        client: connected.
        queues: streams in which nothing may be dropped.
        events: the stream of events.
    """
    losing: dict[str, Sequence[str]] = {}
    alone: list[str] = []
    full: dict[str, str] = {}
    damaged: list[str] = []
    ahead = None
    for stream in (events, *queues):
        # The driver's own question leaves out the time of the answer.
        before = datetime.now(UTC)
        answer = await client.request(f"$JS.API.STREAM.INFO.{stream}", _WITH_DAMAGE, timeout=_TIMEOUT)
        now = before + (datetime.now(UTC) - before) / 2
        told = orjson.loads(answer.data)
        if "config" not in told:
            continue  # there is none yet
        if said := told.get("ts"):
            ahead = (now - datetime.fromisoformat(said)).total_seconds()
        least = _LEAST_AGE_OF_EVENTS if stream == events else timedelta.max
        if limits := list(_losing(told["config"], least)):
            losing[stream] = limits
        # A server of its own tells who leads as well, and of no cluster by name.
        if told.get("cluster", {}).get("name") and told["config"].get("num_replicas", 1) == 1:
            alone.append(stream)
        if limit := next(_come_to(told["config"], told["state"]), None):
            full[stream] = limit
        if "lost" in told["state"]:  # until it is started again
            damaged.append(stream)
    return BusCondition(losing, ahead, alone, full, damaged)


def _come_to(config: Mapping[str, Any], state: Mapping[str, int]) -> Iterator[str]:
    """The limits that a stream has come to which refuses what is new."""
    if config.get("discard") == "new":
        if 0 < config.get("max_msgs", -1) <= state["messages"]:
            yield f"max_msgs {config['max_msgs']}"
        if 0 < config.get("max_bytes", -1) * _NEARLY <= state["bytes"]:
            yield f"max_bytes {config['max_bytes']}"


def _losing(config: Mapping[str, Any], least_age: timedelta) -> Iterator[str]:
    age = timedelta(microseconds=config.get("max_age", 0) / 1000)  # it says nanoseconds; 0 is for ever
    if age and age < least_age:
        yield f"max_age {age}"
    if config.get("discard") == "new":
        # By subject it drops all the same, unless that is said too.
        refuses = ("max_msgs", "max_bytes", *(_LIMITS if config.get("discard_new_per_subject") else ()))
    else:
        refuses = ()
    yield from (
        f"{name} {config[name]}" for name in _LIMITS if config.get(name, -1) > 0 and name not in refuses
    )
