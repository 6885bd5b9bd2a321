"""What `tests.bench.instructions` counts: each case is prepared, run a few times, and run once more between two marks."""

import gc
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from bridge.areas import AREAS, GpRecord, map_record
from bridge.areas.events import record_completed
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.bus.port import Delivery
from bridge.contracts.envelope import EventStyle
from bridge.engine.incoming import IncomingRequest, read_incoming
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.quality import quality_of
from bridge.engine.rendering import Renderer, rendering_options
from bridge.fhir.parsing import parse
from bridge.figures import Figures
from bridge.gpconnect.structured import structured_parameters
from bridge.mapping import Asked, Source
from bridge.observe import about_request, configure_logging, noting_calls, record, recording
from bridge.observe.vocabulary.upstreams import UpstreamCall
from bridge.renderings.rendering import ToldBefore
from bridge.renderings.table import RENDERINGS
from bridge.settings import Settings
from pipelines.structured_record import structured_record
from tests.bench.record_sizes import SIZES, record_of
from tests.support.bundles import NHS_NUMBER, ODS
from tests.support.requests import cloud_event, record_request

_WARM_UP: Final = 3
_USUAL: Final = 1
_Work = Callable[[], object]


def reference() -> int:
    """Plain work of the interpreter, which nobody makes faster: other cases are told as shares of it."""
    found: dict[str, int] = {}
    for number in range(20_000):
        key = f"k{number % 97}"
        found[key] = found.get(key, 0) + number
    return sum(found.values())


def _delivery() -> Delivery:
    sent = cloud_event(record_request(NHS_NUMBER), id="r-1")
    return Delivery(
        id="r-1",
        key="record.requested.v1",
        body=json.dumps(sent).encode(),
        content_type="application/cloudevents+json",
        correlation_id=None,
        headers={},
        attempt=1,
        deliveries=1,
    )


def _mapped(body: bytes, areas: Areas) -> GpRecord:
    parsed = parse(body)
    source = Source(
        request_id="bench",
        retrieved_at="2026-11-22T09:00:00Z",
        body_sha256="0" * 64,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )
    return map_record(parsed.content, asked=Asked(areas=areas.options()), source=source)


def _rendered(found: GpRecord, areas: Areas, incoming: IncomingRequest, renderings: tuple[str, ...]) -> _Work:
    settings = Settings(renderings=renderings)
    style = EventStyle(settings.events.type_prefix, settings.events.source, settings.events.schema_base)
    renderer = Renderer(style, RENDERINGS, settings.renderings, rendering_options(settings), None)

    def work() -> object:
        told = areas_published(found, areas)
        told.append(record_completed(found, told, request_id="bench"))
        return renderer.render(incoming, told, ToldBefore())

    return work


def _called() -> object:
    record(
        UpstreamCall(
            "pds", "pds.trace", "answered", 1.2, "8a5d8a3c-8a5d-4a3c-8a5d-8a5d8a3c8a5d", status=200, bytes=123
        )
    )
    return None


def cases() -> Mapping[str, _Work]:
    """By name, what is counted."""
    wanted = Areas.model_validate({"medications": {}, "allergies": {}})
    every = Areas.model_validate({area.name: {} for area in AREAS.areas if area.options is not None})
    keys = PatientKeys("bench")
    delivery = _delivery()

    def read() -> IncomingRequest:
        return read_incoming(delivery, pipeline=structured_record, keys=keys, max_bytes=1 << 20)

    bodies = [record_of(size, NHS_NUMBER, ODS) for size in range(len(SIZES))]
    usual, large = bodies[_USUAL], bodies[2]
    found = _mapped(usual, wanted)
    incoming = read()
    return {
        "reference": reference,
        "orjson.loads 25 KB": lambda: orjson.loads(usual),
        "read a request": read,
        "body of a request to a practice": lambda: structured_parameters("9990000018", wanted.parameters()),
        "tell of a call": _called,
        "parse 25 KB": lambda: parse(usual),
        "map 0.8 KB": lambda: _mapped(bodies[0], wanted),
        "map 25 KB": lambda: _mapped(usual, wanted),
        "map 25 KB, every area": lambda: _mapped(usual, every),
        "map 242 KB": lambda: _mapped(large, wanted),
        "note the quality of 25 KB": lambda: quality_of(found, AREAS),
        "render and encode 25 KB": _rendered(found, wanted, incoming, ()),
        "render and encode 25 KB as R4 too": _rendered(found, wanted, incoming, ("r4",)),
    }


def main() -> None:
    """Run every case, with a mark before and after each."""
    configure_logging("info", "json", io.StringIO())
    gc.disable()
    found = cases()
    with about_request("/bench r-1", pipeline=structured_record.name), recording(Figures()), noting_calls():
        for work in found.values():
            for _ in range(_WARM_UP):
                work()
            os.getppid()
            work()
            os.getppid()
    json.dump(list(found), sys.stdout)


if __name__ == "__main__":
    main()
