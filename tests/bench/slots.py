"""Bytes of a full practice's free slots to the JSON that is published, against the parser alone."""

import time
from collections.abc import Callable

import orjson

from bridge.fhir.parsing import parse
from bridge.mapping import SlotSearch, map_slots
from tests.bench.result import Result
from tests.support.diaries import PRACTICE, full_practice

ROUNDS = 40


def run() -> list[Result]:
    body = full_practice()
    search = SlotSearch(
        practice_ods_code=PRACTICE,
        window_start="2027-03-15T00:00:00+00:00",
        window_end="2027-03-29T00:00:00+01:00",
        retrieved_at="2027-03-12T09:00:00.000Z",
    )

    def whole_way() -> bytes:
        return orjson.dumps(map_slots((parse(each) for each in (body,)), search))

    found = len(orjson.loads(whole_way())["slots"])
    rounds = [(_seconds(lambda: orjson.loads(body)), _seconds(whole_way)) for _ in range(ROUNDS)]
    parsed, mapped = min(first for first, _ in rounds), min(second for _, second in rounds)
    return [
        Result(
            "slots_vs_orjson_loads",
            mapped / parsed,
            "<= 4.0",
            mapped / parsed <= 4.0 and found == 6000,
            f"{found} slots, {len(body) / 1e6:.2f} MB: {mapped * 1e3:.1f} ms against {parsed * 1e3:.1f} ms of CPU",
        )
    ]


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
