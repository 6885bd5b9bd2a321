"""What telling of changes costs: the same with 100,000 patients kept as with 100, and less than mapping a record."""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from sqlalchemy import Connection, insert

from bridge.areas import map_record
from bridge.areas.events import record_completed
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event
from bridge.ledger import FollowUp, Ledger, NewBase, Opening, Started, StoredEvent, open_ledger
from bridge.ledger.keys import KeyFile, create_ring
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.ledger.vault.bases import ChangeBases, bases
from bridge.mapping import Asked, Source
from bridge.renderings.changes.spec import CHANGES
from bridge.renderings.rendering import (
    OutgoingEvent,
    Remembered,
    RenderingOptions,
    ToldBefore,
    WholeAnswer,
)
from bridge.settings import Settings
from tests.bench import parts
from tests.bench.result import Result
from tests.support.bundles import NHS_NUMBER, medicine_heavy_record

_FEW, _MANY = 100, 100_000
_ROUNDS = 300
_BEST_OF = 15
_PORTION = 5_000
_KEPT = 500
"""Bytes that are kept of a patient of the crowd, sealed; as much as of a usual record."""
_GROWTH = 1.5
_OF_MAPPING = 1.0
_PATIENT = "0" * 32
_WANTED = Areas.model_validate({"medications": {}, "allergies": {}})


def run() -> list[Result]:
    body = medicine_heavy_record()
    mapped, told = _cost_of_heavy(body)
    few, many = asyncio.run(_stores(_answer(_events(body, courses=5), ToldBefore())))
    growth, share = many / few, told / mapped
    return [
        Result(
            f"change told of one of {_MANY:,} patients / of {_FEW}",
            round(growth, 2),
            f"<= {_GROWTH}",
            growth <= _GROWTH,
            f"{many * 1e3:.2f} ms against {few * 1e3:.2f} ms, median, with the end of the request",
        ),
        Result(
            "changes of the heaviest record / mapping it",
            round(share, 2),
            f"<= {_OF_MAPPING}",
            share <= _OF_MAPPING,
            f"{told * 1e3:.1f} ms against {mapped * 1e3:.1f} ms of CPU",
        ),
    ]


def _events(body: bytes, *, courses: int | None = None) -> list[Event]:
    source = Source(
        request_id="bench",
        retrieved_at="2026-11-22T09:00:00Z",
        body_sha256="0" * 64,
        patient_key=_PATIENT,
    )
    asked = Asked(nhs_number=NHS_NUMBER, areas=_WANTED.options())
    record = map_record(orjson.loads(body), asked=asked, source=source)
    record["medications"] = record["medications"][:courses]
    published = areas_published(record, _WANTED)
    return [*published, record_completed(record, published, request_id="bench")]


def _answer(events: list[Event], before: ToldBefore) -> WholeAnswer:
    style = EventStyle("uk.nhs.gpconnect", "/bench")
    outgoing = [
        OutgoingEvent(style, each.kind, each.data, "bench", "s", "snapshot/s", {}, each.written)
        for each in events
    ]
    return WholeAnswer(outgoing, before)


def _told(answer: WholeAnswer) -> bytes:
    """Everything that the rendering does; what is kept of it."""
    found = CHANGES.render(answer, RenderingOptions())
    [remembered] = [each for each in found if isinstance(each, Remembered)]
    assert remembered.base is not None
    return remembered.base


def _cost_of_heavy(body: bytes) -> tuple[float, float]:
    """CPU seconds of mapping a heavy record, and of comparing it with itself; the best of some, in turns."""
    events = _events(body)
    kept = _told(_answer(events, ToldBefore()))
    mapping, telling = [], []
    for _ in range(_BEST_OF):
        started = time.process_time()
        _events(body)
        between = time.process_time()
        _told(_answer(events, ToldBefore(kept)))
        mapping.append(between - started)
        telling.append(time.process_time() - between)
    return min(mapping), min(telling)


async def _stores(answer: WholeAnswer) -> tuple[float, float]:
    """Median seconds of a request's end with changes, in a ledger of few patients and in one of many; in turns."""
    with parts.folder() as directory:
        async with AsyncExitStack() as stack:
            ledgers = []
            for count in (_FEW, _MANY):
                folder = directory / str(count)
                ledger, sealer = await _opened(stack, folder)
                await _fill(ledger, sealer, count)
                ledgers.append((ledger, ChangeBases(ledger.store, sealer)))
            seconds: list[list[float]] = [[], []]
            for number in range(_ROUNDS):
                for place, (ledger, kept) in enumerate(ledgers):
                    seconds[place].append(await _end(ledger, kept, answer, number))
    few, many = (statistics.median(each[_ROUNDS // 10 :]) for each in seconds)
    return few, many


async def _opened(stack: AsyncExitStack, folder: Path) -> tuple[Ledger, AesGcmSealer]:
    folder.mkdir()
    ring = folder / "vault.keys"
    create_ring(ring)
    sealer = AesGcmSealer(KeyFile(ring, "BRIDGE_VAULT_KEYS_FILE"))
    ledger = await stack.enter_async_context(open_ledger(Settings(state_dir=folder), sealer))
    return ledger, sealer


async def _fill(ledger: Ledger, sealer: AesGcmSealer, count: int) -> None:
    now = datetime.now(UTC)
    sealed = sealer.seal(b"x" * _KEPT, b"crowd", compress=False)
    for first in range(0, count, _PORTION):
        rows = [
            {
                "patient_key": f"{number * 2_654_435_761 % 2**32:08x}{number:024x}",
                "token": "t",
                "kept_at": now,
                "expires_at": now + timedelta(days=90),
                "sealed": sealed,
            }
            for number in range(first + 1, min(first + _PORTION, count) + 1)
        ]

        def add(connection: Connection, rows: list[dict[str, object]] = rows) -> None:
            connection.execute(insert(bases), rows)

        await ledger.store.write(add)


async def _end(ledger: Ledger, kept: ChangeBases, answer: WholeAnswer, number: int) -> float:
    begun = await ledger.begin(
        Opening(
            request_key=f"/bench r-{number}",
            pipeline="structured_record",
            correlation_id=f"c-{number}",
            body_sha256="ab" * 32,
            received_at=datetime.now(UTC),
            patient_key=_PATIENT,
        )
    )
    assert isinstance(begun, Started)
    started = time.perf_counter()
    found = await kept.last(_PATIENT)
    base = _told(WholeAnswer(answer.events, ToldBefore(found.body)))
    follow_up = FollowUp(base=NewBase(_PATIENT, found.token, base))
    events = [StoredEvent(f"e-{number}", "record.completed.v1", b"{}")]
    await ledger.finish(begun.lease, state="completed", code=None, events=events, follow_up=follow_up)
    return time.perf_counter() - started
