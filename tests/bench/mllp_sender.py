"""A peer that takes half a second for each acknowledgement: what one sender makes of N connections to it.

Each message is about a patient of its own, as one patient's go out one after the other. Measured while it runs
steadily, between the 100th and the 500th acknowledgement, with messages still waiting.
"""

import asyncio
import json
import time
from pathlib import Path

from bridge.bus.rabbit.bus import RabbitBus
from bridge.engine.mllp.rendered import delivery_queue
from tests.bench import parts
from tests.bench.result import Result
from tests.support.mllp import TOPIC, a31, environment, event, peer_at_work
from tests.support.processes import child

_CONNECTIONS = 20
_ACK_SECONDS = 0.5
_BEFORE, _COUNTED, _AFTER = 100, 400, 100
_GOAL = 0.9
_PREFIX = "bench"


def run() -> list[Result]:
    with parts.folder() as directory, parts.rabbit(directory) as url:
        seconds, cpu = asyncio.run(_deliver(directory, url))
    possible = _COUNTED / _CONNECTIONS * _ACK_SECONDS
    ratio = possible / seconds
    note = (
        f"{_COUNTED} messages over {_CONNECTIONS} connections in {seconds:.1f} s, {possible:.0f} s at best; "
        f"{cpu:.1f} ms of CPU each"
    )
    return [Result("MLLP sender with N connections", round(ratio, 2), f">= {_GOAL}", ratio >= _GOAL, note)]


async def _deliver(directory: Path, url: str) -> tuple[float, float]:
    """Seconds that the counted messages took, and milliseconds of the sender's CPU for each."""
    bus = RabbitBus(url, prefix=_PREFIX)
    await bus.start()
    await bus.declare(delivery_queue(_PREFIX))
    for number in range(_BEFORE + _COUNTED + _AFTER):
        told = event(a31(f"M{number}", f"P{number}"), patient=f"P{number}")
        body = json.dumps(told).encode()
        await bus.publish(TOPIC, body, id=told["id"], content_type="application/cloudevents+json")
    await bus.stop(grace=1)
    async with peer_at_work(delay=_ACK_SECONDS) as peer:
        variables = environment(
            directory,
            BRIDGE_BUS_URL=url,
            BRIDGE_BUS_PREFIX=_PREFIX,
            BRIDGE_MLLP_CONNECTIONS=str(_CONNECTIONS),
            BRIDGE_MLLP_PEER=f"mllp://127.0.0.1:{peer.port}",
        )
        log = directory / "sender.log"
        with child("bridge", ["mllp", "send"], environment=variables, output=log, fresh=True) as sender:
            started, spent = await _reached(peer.accepted, _BEFORE), sender.cpu_seconds()
            seconds = await _reached(peer.accepted, _BEFORE + _COUNTED) - started
            return seconds, (sender.cpu_seconds() - spent) / _COUNTED * 1000


async def _reached(accepted: set[bytes], count: int) -> float:
    """When so many messages were acknowledged."""
    while len(accepted) < count:
        await asyncio.sleep(0.01)
    return time.monotonic()
