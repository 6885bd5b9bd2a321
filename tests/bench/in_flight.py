"""A practice that takes two seconds: the throughput of one worker, of what 200 calls in flight there allow.

Measured while it runs steadily, between the 400th and the 1400th answer, with requests still waiting. The worker
has some slots more than 200, because a request also spends time at PDS, SDS and in the worker itself.
"""

import asyncio

from bridge.sandbox import BY_NAME
from tests.bench import parts
from tests.bench.result import Result
from tests.support.processes import worker

_IN_FLIGHT = 200
_SLOTS = "240"
_BEFORE, _COUNTED, _AFTER = 400, 1000, 300
_PRACTICE_SECONDS = 2.0
_GOAL = 0.95
_EVENTS_PER_REQUEST = 3


def run() -> list[Result]:
    number = BY_NAME["no_known_allergies"].nhs_number
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.sandbox(directory, strict=False, keep_calls=False, practice_delay=_PRACTICE_SECONDS) as env,
    ):
        asyncio.run(parts.declare_consumer_side(url))
        environment = parts.worker_environment(
            env, url, BRIDGE_BUS_CONCURRENCY=_SLOTS, BRIDGE_SPINE_PRACTICE_CONCURRENCY=_SLOTS
        )
        with worker(environment, output=directory / "worker.log", fresh=True):
            asyncio.run(parts.send_requests(url, number, _BEFORE + _COUNTED + _AFTER))
            asyncio.run(parts.wait_for_events(url, _BEFORE * _EVENTS_PER_REQUEST))
            seconds = asyncio.run(parts.wait_for_events(url, (_BEFORE + _COUNTED) * _EVENTS_PER_REQUEST))
    possible = _COUNTED / _IN_FLIGHT * _PRACTICE_SECONDS
    ratio = possible / seconds
    note = f"{_COUNTED} requests in {seconds:.1f} s, {possible:.0f} s at best"
    return [Result("throughput with a 2 s practice", round(ratio, 2), f">= {_GOAL}", ratio >= _GOAL, note)]
