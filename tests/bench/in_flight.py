"""A practice that takes two seconds: how much of the possible one worker with 200 requests in flight reaches."""

import asyncio

from bridge.sandbox import BY_NAME
from tests.bench import parts
from tests.bench.result import Result
from tests.support.processes import worker

_IN_FLIGHT = 200
_ROUNDS = 5
_PRACTICE_SECONDS = 2.0
_GOAL = 0.9
_EVENTS_PER_REQUEST = 3


def run() -> list[Result]:
    number = BY_NAME["no_known_allergies"].nhs_number
    count = _IN_FLIGHT * _ROUNDS
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.sandbox(directory, strict=False, keep_calls=False, practice_delay=_PRACTICE_SECONDS) as env,
    ):
        asyncio.run(parts.declare_consumer_side(url))
        environment = parts.worker_environment(env, url, BRIDGE_BUS_CONCURRENCY=str(_IN_FLIGHT))
        with worker(environment, output=directory / "worker.log"):
            asyncio.run(parts.send_requests(url, number, _IN_FLIGHT))
            asyncio.run(parts.wait_for_events(url, _IN_FLIGHT * _EVENTS_PER_REQUEST))
            asyncio.run(parts.empty_events(url))
            seconds = asyncio.run(_timed(url, number, count))
    possible = _ROUNDS * _PRACTICE_SECONDS
    ratio = possible / seconds
    note = f"{count} requests in {seconds:.1f} s, {possible:.0f} s at best"
    return [Result("throughput with a 2 s practice", round(ratio, 2), f">= {_GOAL}", ratio >= _GOAL, note)]


async def _timed(url: str, number: str, count: int) -> float:
    sending = asyncio.create_task(parts.send_requests(url, number, count))
    seconds = await parts.wait_for_events(url, count * _EVENTS_PER_REQUEST)
    await sending
    return seconds
