"""CPU per request of a whole worker, against the least that any worker on this stack could do."""

import asyncio

from bridge.sandbox import BY_NAME
from tests.bench import parts
from tests.bench.result import Result
from tests.support.processes import child, worker

_ROUNDS = 5
_REQUESTS = 400
_WARM_UP = 100
_GOAL = 3.0
_BOOKS = 0.20
_FIGURES = 0.03
_EVENTS_PER_REQUEST = 3


def run() -> list[Result]:
    number = BY_NAME["typical_size"].nhs_number
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.sandbox(directory, strict=False, keep_calls=False) as env,
    ):
        asyncio.run(parts.declare_consumer_side(url))
        # In turns, and the best of each: a busy machine disturbs all of them alike.
        rounds = [
            (
                _bare_loop(directory, url, env, number),
                _worker(directory, url, env, number),
                _worker(directory, url, env, number, BRIDGE_LEDGER_ENABLED="false"),
                _worker_without_figures(directory, url, env, number),
            )
            for _ in range(_ROUNDS)
        ]
    bare, ours, unwritten, uncounted = (min(costs) for costs in zip(*rounds, strict=True))
    ratio, share, figures = ours / bare, (ours - unwritten) / ours, (ours - uncounted) / ours
    note = f"worker {ours:.2f} ms, bare loop {bare:.2f} ms CPU per request"
    books = f"ledger, audit trail and kept answer: {ours:.2f} ms with, {unwritten:.2f} ms without"
    counts = f"figures: {ours:.2f} ms with, {uncounted:.2f} ms without"
    return [
        Result("worker CPU / bare loop CPU", round(ratio, 2), f"<= {_GOAL}", ratio <= _GOAL, note),
        Result("books on and off / worker CPU", round(share, 2), f"<= {_BOOKS}", share <= _BOOKS, books),
        Result(
            "figures on and off / worker CPU",
            round(figures, 3),
            f"<= {_FIGURES}",
            figures <= _FIGURES,
            counts,
        ),
    ]


def _worker(directory, url, env, number, **more):
    with worker(parts.worker_environment(env, url, **more), output=directory / "worker.log") as started:
        return _cost(started, url, number)


def _cost(started, url, number):
    asyncio.run(_round(url, number, _WARM_UP))
    before = started.cpu_seconds()
    asyncio.run(_round(url, number, _REQUESTS))
    return parts.cost(started, before, _REQUESTS)


def _worker_without_figures(directory, url, env, number):
    """A worker without a health port, whose figures nobody could ask for."""
    log = directory / "uncounted.log"
    log.unlink(missing_ok=True)
    settings = parts.worker_environment(env, url)
    with child("bridge", ["run"], environment=settings, output=log) as started:
        started.wait_for('"worker_started"')
        return _cost(started, url, number)


def _bare_loop(directory, url, env, number):
    ready = directory / "bare.ready"
    ready.unlink(missing_ok=True)
    arguments = [url, str(ready), number]
    with child("tests.bench.bare_loop", arguments, environment=env, output=directory / "bare.log") as started:
        while not ready.exists():
            assert started.process.poll() is None, started.output.read_text()
        return _cost(started, url, number)


async def _round(url: str, number: str, count: int) -> None:
    await parts.send_requests(url, number, count)
    await parts.wait_for_events(url, count * _EVENTS_PER_REQUEST)
    await parts.empty_events(url)
