"""The corpus: real bundles that nobody here wrote, and what an independent program found in them."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from bridge.areas import AREAS, GpRecord, map_record
from bridge.fhir.parsing import parse
from bridge.mapping import Asked, Source

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
EVERY_ONE = os.environ.get("CORPUS") == "all"
SOURCE = Source(request_id="r1", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)
EVERYTHING = {area.name: area.options() if area.options is not None else None for area in AREAS.areas}


def files(*kinds: str) -> list[str]:
    """The names of those of these kinds (``bundle``, ``operation-outcome``); none where the corpus is not here."""
    return [name for name, kind in _kinds().items() if kind in kinds]


def some(*kinds: str) -> list[str]:
    """Every third of them, for what is dear; all with ``CORPUS=all``."""
    return files(*kinds)[:: 1 if EVERY_ONE else 3]


def expected(name: str) -> dict[str, Any]:
    """The facts that the independent program found."""
    facts: dict[str, Any] = json.loads((CORPUS / "expected" / name).read_text())
    return facts


def content(name: str) -> Any:
    """The bundle, as the engine parses it."""
    return parse((CORPUS / "structured" / name).read_bytes()).content


def record_of(bundle: object) -> Any:
    """Its record, with every area asked for."""
    return map_record(bundle, asked=Asked(areas=EVERYTHING), source=SOURCE)


def mapped(name: str) -> GpRecord:
    """The record of a file, with nothing said of what was asked for."""
    return map_record(orjson.loads((CORPUS / "structured" / name).read_bytes()), asked=Asked(), source=SOURCE)


@cache
def _kinds() -> dict[str, str]:
    return {path.name: expected(path.name)["kind"] for path in sorted(CORPUS.glob("expected/*.json"))}
