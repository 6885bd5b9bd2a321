"""CPU per request of a whole worker, against the least that any worker on this stack could do."""

import asyncio
import contextlib
import io
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

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
from tests.bench.side_by_side import Ask, Side, median_ratio, run_in_turns
from tests.support.processes import child, worker
from tests.support.requests import record_request

_ROUNDS = 9
_REQUESTS = 400
_GOAL = 2.0
_BOOKS = 0.15
_FIGURES = 0.03


def run() -> list[Result]:
    number = BY_NAME["typical_size"].nhs_number
    ask = Ask("record.requested.v1", record_request(number), "typical size")
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.sandbox(directory, strict=False, keep_calls=False) as env,
        _bare_loop(directory, url, env, number) as bare,
        worker_side(directory, url, env, "worker") as ours,
        worker_side(directory, url, env, "unwritten", BRIDGE_LEDGER_ENABLED="false") as unwritten,
    ):
        asyncio.run(run_in_turns(url, (bare, ours, unwritten), ask, rounds=_ROUNDS, count=_REQUESTS))
    ratio, share = median_ratio(ours, bare), 1 - median_ratio(unwritten, ours)
    cost, without = statistics.median(ours.cpu), statistics.median(unwritten.cpu)
    figures = _figures()
    note = f"worker {cost:.2f} ms, bare loop {statistics.median(bare.cpu):.2f} ms CPU per request"
    books = f"ledger, audit trail and kept answer: {cost:.2f} ms with, {without:.2f} ms without"
    counts = f"counting what happens to a request: {figures:.3f} ms"
    return [
        Result("worker CPU / bare loop CPU", round(ratio, 2), f"<= {_GOAL}", ratio <= _GOAL, note),
        Result("books on and off / worker CPU", round(share, 2), f"<= {_BOOKS}", share <= _BOOKS, books),
        Result(
            "counting figures / worker CPU",
            round(figures / cost, 3),
            f"<= {_FIGURES}",
            figures / cost <= _FIGURES,
            counts,
        ),
    ]


@contextlib.contextmanager
def worker_side(
    directory: Path, url: str, env: Mapping[str, str], prefix: str, **more: str
) -> Iterator[Side]:
    """A worker with exchanges, a folder and a ledger of its own."""
    state = directory / prefix
    state.mkdir()
    own = {"BRIDGE_BUS_PREFIX": prefix, "BRIDGE_STATE_DIR": str(state), **more}
    settings = parts.worker_environment(env, url, **own)
    with worker(settings, output=directory / f"{prefix}.log", fresh=True) as started:
        yield Side(prefix, started)


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


@contextlib.contextmanager
def _bare_loop(directory: Path, url: str, env: Mapping[str, str], number: str) -> Iterator[Side]:
    ready = directory / "bare.ready"
    arguments = [url, "bare", str(ready), number]
    with child("tests.bench.bare_loop", arguments, environment=env, output=directory / "bare.log") as started:
        while not ready.exists():
            assert started.process.poll() is None, started.output.read_text()
        yield Side("bare", started)
