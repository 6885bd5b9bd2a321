"""CPU per request of a whole worker, against the least that any worker on this stack could do."""

import asyncio
import io
import time

from bridge.areas.requests import RecordRequest
from bridge.figures import Figures
from bridge.observe import about_request, configure_logging, record, recording
from bridge.observe.vocabulary.base import RequestEvent, TelemetryEvent
from bridge.observe.vocabulary.upstreams import UpstreamCall
from bridge.sandbox import BY_NAME
from bridge.testing import site
from pipelines.structured_record import structured_record
from tests.bench import parts
from tests.bench.result import Result
from tests.support.processes import child, worker

_ROUNDS = 5
_REQUESTS = 400
_WARM_UP = 100
_GOAL = 2.0
_BOOKS = 0.15
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
            )
            for _ in range(_ROUNDS)
        ]
    bare, ours, unwritten = (min(costs) for costs in zip(*rounds, strict=True))
    ratio, share = ours / bare, (ours - unwritten) / ours
    figures = _figures()
    note = f"worker {ours:.2f} ms, bare loop {bare:.2f} ms CPU per request"
    books = f"ledger, audit trail and kept answer: {ours:.2f} ms with, {unwritten:.2f} ms without"
    counts = f"counting what happens to a request: {figures:.3f} ms"
    return [
        Result("worker CPU / bare loop CPU", round(ratio, 2), f"<= {_GOAL}", ratio <= _GOAL, note),
        Result("books on and off / worker CPU", round(share, 2), f"<= {_BOOKS}", share <= _BOOKS, books),
        Result(
            "counting figures / worker CPU",
            round(figures / ours, 3),
            f"<= {_FIGURES}",
            figures / ours <= _FIGURES,
            counts,
        ),
    ]


def _worker(directory, url, env, number, **more):
    with worker(
        parts.worker_environment(env, url, **more), output=directory / "worker.log", fresh=True
    ) as started:
        return _cost(started, url, number)


def _cost(started, url, number):
    asyncio.run(_round(url, number, _WARM_UP))
    before = started.cpu_seconds()
    asyncio.run(_round(url, number, _REQUESTS))
    return parts.cost(started, before, _REQUESTS)


def _figures() -> float:
    """What counting the events of one request costs, in ms: a whole worker's noise is larger than that."""
    heard = asyncio.run(_events_of_a_request())

    def told() -> float:
        started = time.process_time()
        for _ in range(_REQUESTS):
            for event in heard:
                record(event)
        return (time.process_time() - started) / _REQUESTS * 1000

    with about_request("/bench r-1", pipeline=structured_record.name):
        rounds: list[tuple[float, float]] = []
        for _ in range(_ROUNDS):
            without = told()
            with recording(Figures()):
                rounds.append((told(), without))
    return min(counted for counted, _ in rounds) - min(uncounted for _, uncounted in rounds)


async def _events_of_a_request() -> list[TelemetryEvent]:
    heard = Heard()
    configure_logging("info", "json", io.StringIO())
    with recording(heard):
        async with site() as ours:
            areas: dict[str, dict[str, object]] = {"medications": {}, "allergies": {}}
            request = ours.request(RecordRequest, "typical_size", areas=areas)
            result = await ours.run(structured_record, request)
    assert result.outcome == "completed"
    return heard.events


class Heard:
    """Keeps the events about requests and calls."""

    def __init__(self) -> None:
        self.events: list[TelemetryEvent] = []

    def record(self, event: TelemetryEvent) -> None:
        if isinstance(event, RequestEvent | UpstreamCall):
            self.events.append(event)


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
