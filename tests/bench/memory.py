"""A hundred requests in flight whose answers are 1.3 MB each: the most memory the worker ever held."""

import asyncio

from bridge.sandbox import BY_NAME
from tests.bench import parts
from tests.bench.result import Result
from tests.support.processes import worker

_IN_FLIGHT = 100
_GOAL_MB = 300
_EVENTS_PER_REQUEST = 3


def run() -> list[Result]:
    number = BY_NAME["huge"].nhs_number
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.sandbox(directory, strict=False, keep_calls=False, practice_delay=1.0) as env,
    ):
        asyncio.run(parts.declare_consumer_side(url))
        environment = parts.worker_environment(env, url, BRIDGE_BUS_CONCURRENCY=str(_IN_FLIGHT))
        with worker(environment, output=directory / "worker.log", fresh=True) as started:
            asyncio.run(parts.send_requests(url, number, _IN_FLIGHT * 2))
            asyncio.run(parts.wait_for_events(url, _IN_FLIGHT * 2 * _EVENTS_PER_REQUEST))
            peak = started.peak_memory_mb()
    ratio = peak / _GOAL_MB
    note = f"peak {peak:.0f} MB with {_IN_FLIGHT} answers of 1.3 MB in flight"
    return [Result(f"peak memory / {_GOAL_MB} MB", round(ratio, 2), "< 1.0", ratio < 1, note)]
