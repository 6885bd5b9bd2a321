"""Workers that run at the same time on one broker, each with exchanges of its own, and get requests in turns.

Whatever else the machine does disturbs all of them alike: the ratio of two is that of their portions of the
same turn, and of those ratios the median counts. What is compared is CPU time of the worker's process, system
time included.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aio_pika

from tests.support.processes import Child
from tests.support.requests import cloud_event

_WARM_UP: Final = 60
_POLL: Final = 0.01


@dataclass(slots=True)
class Side:
    """One of the workers.

    Attributes:
        prefix: of its exchanges.
        child: its process.
        cpu: milliseconds for a request, of each of its portions.
        seconds: that each portion took, from the first request sent to the last event held by the broker.
    """

    prefix: str
    child: Child
    cpu: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def cpu_ms(self) -> float:
        """User and system time of all its threads so far, to the microsecond."""
        return time.clock_gettime((~self.child.process.pid << 3) | 2) * 1000

    def cpu_ratios(self, other: "Side") -> list[float]:
        """Its CPU to that of the other, turn by turn."""
        return [ours / theirs for ours, theirs in zip(self.cpu, other.cpu, strict=True)]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked again and again.

    Attributes:
        key: the routing key, which names the pipeline.
        data: of the request.
        name: for the table.
    """

    key: str
    data: Mapping[str, Any]
    name: str


def median_ratio(one: Side, other: Side) -> float:
    """Of the CPU of two sides."""
    return statistics.median(one.cpu_ratios(other))


async def run_in_turns(url: str, sides: Sequence[Side], ask: Ask, *, rounds: int, count: int) -> None:
    """So many rounds, in each of which every side gets a portion of `count` requests."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        events = []
        for side in sides:
            queue = await channel.declare_queue(_queue(side), durable=True)
            await queue.bind(f"{side.prefix}.events", "#")
            events.append(await _events_of(channel, side, ask))
            await queue.purge()
            await _portion(channel, side, ask, _WARM_UP, events[-1])
            side.cpu, side.seconds = [], []
        for turn in range(rounds):
            for step in range(len(sides)):
                number = (turn + step) % len(sides)
                side = sides[number]
                before = side.cpu_ms()
                side.seconds.append(await _portion(channel, side, ask, count, events[number]))
                await asyncio.sleep(0.05)  # what a request leaves to do after its last event
                side.cpu.append((side.cpu_ms() - before) / count)


def _queue(side: Side) -> str:
    return f"bench.{side.prefix}"


async def _portion(channel: Any, side: Side, ask: Ask, count: int, events: int) -> float:
    """Ask so many times; seconds until all is told. `events` of a request; 0: until nothing more comes."""
    started = time.monotonic()
    exchange = await channel.get_exchange(f"{side.prefix}.requests", ensure=False)
    for _ in range(count):
        event = cloud_event(dict(ask.data), type=f"uk.nhs.gpconnect.{ask.key}")
        message = aio_pika.Message(
            json.dumps(event).encode(),
            message_id=event["id"],
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await exchange.publish(message, ask.key)
    while (found := await _held(channel, side)) < count * events:
        if time.monotonic() - started > 120:
            raise AssertionError(
                f"{found} of {count * events} events:\n{side.child.output.read_text()[-2000:]}"
            )
        await asyncio.sleep(_POLL)
    seconds = time.monotonic() - started
    await (await channel.declare_queue(_queue(side), passive=True)).purge()
    return seconds


async def _held(channel: Any, side: Side) -> int:
    count: int | None = (
        await channel.declare_queue(_queue(side), passive=True)
    ).declaration_result.message_count
    return count or 0


async def _events_of(channel: Any, side: Side, ask: Ask) -> int:
    """How many events there are to one request."""
    await _portion(channel, side, ask, 1, 1)
    await asyncio.sleep(1)
    await (await channel.declare_queue(_queue(side), passive=True)).purge()
    await _portion(channel, side, ask, 1, 0)
    await asyncio.sleep(2)
    return await _held(channel, side)
