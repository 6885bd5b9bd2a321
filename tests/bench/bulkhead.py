"""Fifty practices, one of which hangs: what the other forty-nine get of a worker with fifty slots.

Throughput of the healthy ones while one takes its requests and never answers, against their throughput when
all answer, in the same run, from the moment it begins to hang.
"""

import asyncio
import json
from pathlib import Path

import aio_pika

from tests.bench import fifty_practices, parts
from tests.bench.fifty_practices import PRACTICES
from tests.bench.result import Result
from tests.support.processes import worker
from tests.support.requests import cloud_event, record_request

_SLOTS = 50
_EACH = 24
_GOAL = 0.95
_COMPLETED = "bench.completed"
_HANGING = PRACTICES[7]


def run() -> list[Result]:
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.stand_in("tests.bench.fifty_practices", directory) as environment,
    ):
        asyncio.run(parts.declare_consumer_side(url))
        asyncio.run(parts.declare_consumer_side(url, queue=_COMPLETED, key="record.completed.v1"))
        settings = parts.worker_environment(environment, url, BRIDGE_BUS_CONCURRENCY=str(_SLOTS))
        with worker(settings, output=directory / "worker.log", fresh=True):
            asyncio.run(_round(url, each=2, healthy=len(PRACTICES)))
            well = asyncio.run(_round(url, each=_EACH, healthy=len(PRACTICES)))
            (directory / "hanging").write_text(_HANGING)
            ill = asyncio.run(_round(url, each=_EACH, healthy=len(PRACTICES) - 1))
            note = f"{ill:.1f} requests a second of {well:.1f}; {_held_back(directory / 'worker.log')}"
    others = len(PRACTICES) - 1
    ratio = ill / (well * others / len(PRACTICES))
    return [
        Result("49 practices beside one that hangs", round(ratio, 2), f">= {_GOAL}", ratio >= _GOAL, note)
    ]


async def _round(url: str, *, each: int, healthy: int) -> float:
    """Requests a second of the healthy practices, while each practice gets its share of all."""
    sending = asyncio.create_task(_send(url, each))
    seconds = await parts.wait_for_events(url, each * healthy, queue=_COMPLETED)
    await sending
    await parts.empty_events(url, queue=_COMPLETED)
    return each * healthy / seconds


async def _send(url: str, each: int) -> None:
    numbers = fifty_practices.nhs_numbers()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange("gpconnect.requests")
        for number in numbers * each:
            event = cloud_event(record_request(number))
            message = aio_pika.Message(
                json.dumps(event).encode(),
                message_id=event["id"],
                content_type="application/cloudevents+json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            await exchange.publish(message, "record.requested.v1")


def _held_back(log: Path) -> str:
    """How the hanging practice's requests fared: calls made to it, and requests given back without one."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    made = sum(line.get("result") == "read_timeout" for line in lines if line["event"] == "upstream_call")
    back = sum(line.get("detail") in ("silent", "circuit_open") for line in lines)
    return f"{made} calls timed out, {back} were not made"
