"""What each further form of an answer costs beside mapping it: the largest records, every area."""

import sys
import time
from collections.abc import Callable, Mapping

from bridge.areas import GpRecord, map_record
from bridge.areas.requests import Areas
from bridge.fhir.parsing import parse
from bridge.mapping import Asked, Source, collector_paused
from bridge.renderings.rendering import RenderingOptions
from bridge.renderings.table import RENDERINGS
from tests.bench.result import Result
from tests.bench.whole_record import CORPUS, EVERY_AREA
from tests.support.answers import answer_of
from tests.support.bundles import medicine_heavy_record

_GOALS: Mapping[str, float] = {"r4": 1.0, "hl7v2": 0.3}
"""Of CPU, to that of mapping the same record from its bytes."""
_ROUNDS = 60


def run() -> list[Result]:
    if not CORPUS.is_dir():
        print("renderings: the corpus is not here", file=sys.stderr)
        return []
    body = max(CORPUS.glob("*.json"), key=lambda file: file.stat().st_size).read_bytes()
    # What HL7 v2 tells of is mostly medications: of those the heaviest record has most.
    heaviest = {"hl7v2": medicine_heavy_record()}
    return [_speed(name, heaviest.get(name, body)) for name in RENDERINGS if name in _GOALS]


def _speed(name: str, body: bytes) -> Result:
    """In turn, so that a busy machine slows both; of each the fastest round."""
    number = _mapped(body).get("nhs_number")
    answer, options = answer_of(_mapped(body, number), EVERY_AREA), RenderingOptions()
    mapping, rendering = [], []
    with collector_paused():
        for _ in range(_ROUNDS):
            mapping.append(_seconds(lambda: _mapped(body, number)))
            rendering.append(_seconds(lambda: RENDERINGS[name].render(answer, options)))
    mapped, rendered = min(mapping), min(rendering)
    goal = _GOALS[name]
    note = f"{len(body) / 1e6:.2f} MB: {rendered * 1e3:.1f} ms against {mapped * 1e3:.1f} ms of CPU"
    ratio = rendered / mapped
    return Result(f"rendering to {name} vs mapping", ratio, f"<= {goal}", ratio <= goal, note)


def _mapped(body: bytes, nhs_number: str | None = None) -> GpRecord:
    parsed = parse(body)
    return map_record(
        parsed.content,
        # About the patient who is in it: of another a form may tell nothing, at no cost.
        asked=Asked(nhs_number=nhs_number, areas=Areas.model_validate(EVERY_AREA).options()),
        source=Source(
            request_id="bench",
            retrieved_at="2026-11-22T09:00:00Z",
            body_sha256="0" * 64,
            may_hold_modifiers=parsed.may_hold_modifiers,
        ),
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
