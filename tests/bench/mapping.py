"""Bytes of a bundle to the JSON of a record, against the parser alone and against strict validation."""

import time
from collections.abc import Callable
from importlib import import_module

import orjson
from pydantic import BaseModel

from bridge.mapping import Asked, Source, map_record
from tests.bench.result import Result
from tests.support.bundles import NHS_NUMBER, medicine_heavy_record

ROUNDS = 40
STRICT_ROUNDS = 3


def run() -> list[Result]:
    body = medicine_heavy_record()
    source = Source(request_id="bench", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)
    asked = Asked(nhs_number=NHS_NUMBER)
    strict: type[BaseModel] = import_module("fhir.resources.STU3.bundle").Bundle

    def whole_way() -> bytes:
        return orjson.dumps(map_record(orjson.loads(body), asked=asked, source=source))

    whole_way()
    parsed, mapped = _best_of_each(lambda: orjson.loads(body), whole_way)
    validated = min(_seconds(lambda: strict.model_validate(orjson.loads(body))) for _ in range(STRICT_ROUNDS))
    size = f"{len(body) / 1e6:.2f} MB"
    return [
        Result(
            "mapping_vs_orjson_loads",
            mapped / parsed,
            "<= 4.0",
            mapped / parsed <= 4.0,
            f"{size}: {mapped * 1e3:.1f} ms against {parsed * 1e3:.1f} ms of CPU",
        ),
        Result(
            "fhir_resources_vs_mapping",
            validated / mapped,
            ">= 15.0",
            validated / mapped >= 15.0,
            f"{size}: {validated * 1e3:.0f} ms against {mapped * 1e3:.1f} ms of CPU",
        ),
    ]


def _best_of_each(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """The best of many rounds, taken in turns so that a busy machine disturbs both alike."""
    rounds = [(_seconds(one), _seconds(other)) for _ in range(ROUNDS)]
    return min(first for first, _ in rounds), min(second for _, second in rounds)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
