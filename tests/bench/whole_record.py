"""The largest record of the corpus with every area asked for: from bytes to all events, and fifty in flight."""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import orjson

from bridge.areas import AREAS, map_record
from bridge.areas.events import record_completed
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.contracts.events import to_write
from bridge.fhir.parsing import parse
from bridge.mapping import Asked, Source, collector_paused
from tests.bench import parts
from tests.bench.result import Result
from tests.support.processes import worker

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "structured"
_IN_FLIGHT = 50
_GOAL_MB = 500
_GOAL = 4.0
_PORTIONS = 15
_ROUNDS = 10
EVERY_AREA: Mapping[str, dict[str, object]] = {
    area.name: {} for area in AREAS.areas if area.options is not None
}


def run() -> list[Result]:
    if not CORPUS.is_dir():
        print("whole_record: the corpus is not here", file=sys.stderr)
        return []
    body = max(CORPUS.glob("*.json"), key=lambda file: file.stat().st_size).read_bytes()
    return [_speed(body), _memory(body)]


def _speed(body: bytes) -> Result:
    # Each in many fresh processes: where memory happens to lie, and what others do with it, is worth a tenth.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as fresh:
        rounds = [fresh.submit(_rounds, body).result() for _ in range(_PORTIONS)]
    parsed, whole = min(first for first, _ in rounds), min(second for _, second in rounds)
    note = f"{len(body) / 1e6:.2f} MB: {whole * 1e3:.1f} ms against {parsed * 1e3:.1f} ms of CPU"
    return Result(
        "whole record vs orjson.loads", whole / parsed, f"<= {_GOAL}", whole / parsed <= _GOAL, note
    )


def events_of(body: bytes) -> list[bytes]:
    """The data of every event of an answer to a request for everything, as the engine makes them."""
    wanted = Areas.model_validate(EVERY_AREA)
    with collector_paused():  # as the engine does, down to when the bundle is let go
        parsed = parse(body)
        record = map_record(
            parsed.content,
            asked=Asked(areas=wanted.options()),
            source=Source(
                request_id="bench",
                retrieved_at="2026-11-22T09:00:00Z",
                body_sha256="0" * 64,
                may_hold_modifiers=parsed.may_hold_modifiers,
            ),
        )
        del parsed
    published = areas_published(record, wanted)
    published.append(record_completed(record, published, request_id="bench"))
    return [orjson.dumps(to_write(event.data, event.written)) for event in published]


def _rounds(body: bytes) -> tuple[float, float]:
    """Seconds of parsing alone, and of the whole way from bytes to bytes."""
    rounds = [
        (_seconds(lambda: orjson.loads(body)), _seconds(lambda: events_of(body))) for _ in range(_ROUNDS)
    ]
    return min(first for first, _ in rounds), min(second for _, second in rounds)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _memory(body: bytes) -> Result:
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.sandbox(
            directory, strict=False, keep_calls=False, practice_delay=2.0, records=_folder_of(directory, body)
        ) as env,
    ):
        asyncio.run(parts.declare_consumer_side(url))
        environment = parts.worker_environment(env, url, BRIDGE_BUS_CONCURRENCY=str(_IN_FLIGHT))
        with worker(environment, output=directory / "worker.log", fresh=True) as started:
            asyncio.run(parts.send_requests(url, _number(body), _IN_FLIGHT * 2, areas=EVERY_AREA))
            asyncio.run(parts.wait_for_events(url, _IN_FLIGHT * 2 * len(events_of(body))))
            peak = started.peak_memory_mb()
    ratio = peak / _GOAL_MB
    note = f"peak {peak:.0f} MB with {_IN_FLIGHT} answers of {len(body) / 1e6:.1f} MB in flight"
    return Result(f"peak memory / {_GOAL_MB} MB, whole records", round(ratio, 2), "< 1.0", ratio < 1, note)


def _number(body: bytes) -> str:
    """Of the patient whose record it is."""
    [patient] = (
        entry["resource"]
        for entry in orjson.loads(body)["entry"]
        if entry["resource"]["resourceType"] == "Patient"
    )
    number: str = patient["identifier"][0]["value"]
    return number


def _folder_of(directory: Path, body: bytes) -> str:
    folder = directory / "records"
    folder.mkdir()
    (folder / "largest.json").write_bytes(body)
    return str(folder)
