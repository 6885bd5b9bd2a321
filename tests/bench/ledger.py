"""What keeping the books costs: CPU of a request's steps in the ledger, as a share of a whole request's CPU."""

import asyncio
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from bridge.ledger import Ledger, Opening, RecordedCall, RequesterFacts, Started, StoredEvent, open_ledger
from bridge.ledger.keys import KeyFile, create_ring
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.sandbox import BY_NAME
from bridge.settings import LedgerSettings, Settings
from tests.bench import parts
from tests.bench.result import Result
from tests.bench.side_by_side import Ask, run_in_turns
from tests.bench.worker_cpu import worker_side
from tests.support.postgres import PostgresNode, fresh_database
from tests.support.requests import record_request

_REQUESTS = 500
_PORTIONS = 5
_IN_FLIGHT = 30
_GOAL = 0.20
_EVENTS = ("medications.published.v1", "allergies.published.v1", "request.completed.v1")
_CALLS = ("pds.patient", "sds.endpoint", "sds.device", "gpc.getstructuredrecord")


def run() -> list[Result]:
    with parts.folder() as directory:
        request = _request_ms(directory)
        sqlite = _ledger_ms(Settings(state_dir=directory / "state"))
        node = PostgresNode()
        node.start()
        try:
            with fresh_database(node.url) as url:
                postgres = _ledger_ms(Settings(state_dir=directory / "state", ledger=LedgerSettings(url=url)))
        finally:
            node.close()
    return [_result("SQLite", sqlite, request), _result("PostgreSQL", postgres, request)]


def _result(name: str, ledger: float, request: float) -> Result:
    ratio = ledger / request
    note = f"ledger {ledger:.2f} ms of {request:.2f} ms CPU per request"
    return Result(f"ledger on {name} / request CPU", round(ratio, 2), f"<= {_GOAL}", ratio <= _GOAL, note)


def _request_ms(directory: Path) -> float:
    """CPU of a whole worker on RabbitMQ, per request."""
    ask = Ask("record.requested.v1", record_request(BY_NAME["typical_size"].nhs_number), "typical size")
    with (
        parts.rabbit(directory) as url,
        parts.sandbox(directory, strict=False, keep_calls=False) as environment,
        worker_side(directory, url, environment, "worker") as side,
    ):
        asyncio.run(run_in_turns(url, [side], ask, rounds=_PORTIONS, count=_REQUESTS // _PORTIONS))
    return statistics.median(side.cpu)


def _ledger_ms(settings: Settings) -> float:
    """CPU of begin, finish and published, per request, with many requests in flight."""
    return asyncio.run(_keep_ledger(settings))


async def _keep_ledger(settings: Settings) -> float:
    ring = settings.state_dir / "vault.keys"
    if not ring.exists():
        settings.state_dir.mkdir(exist_ok=True)
        create_ring(ring)
    body = b'{"display":"Amoxicillin 500mg capsules","status":"active"},' * 150
    async with open_ledger(settings, AesGcmSealer(KeyFile(ring, "BRIDGE_VAULT_KEYS_FILE"))) as ledger:
        await _round(ledger, "warm-up", body)
        before = time.process_time()
        await _round(ledger, "measured", body)
        return (time.process_time() - before) / _REQUESTS * 1000


async def _round(ledger: Ledger, name: str, body: bytes) -> None:
    numbers = iter(range(_REQUESTS))

    async def sender() -> None:
        for number in numbers:
            await _one(ledger, f"/bench {name}-{number}", body)

    await asyncio.gather(*(sender() for _ in range(_IN_FLIGHT)))


async def _one(ledger: Ledger, key: str, body: bytes) -> None:
    now = datetime.now(UTC)
    asker = RequesterFacts("u-77", "Hospital pharmacist", "RXX")
    claim = await ledger.begin(
        Opening(key, "structured_record", key, "ab" * 32, now, patient_key="cd" * 16, requester=asker)
    )
    assert isinstance(claim, Started)
    events = [StoredEvent(f"{key}-{topic}", topic, body) for topic in _EVENTS]
    calls = [RecordedCall(what, "A12345", key, 200, now, 12.5) for what in _CALLS]
    await ledger.finish(claim.lease, state="completed", code=None, events=events, calls=calls)
    await ledger.published(key, [event.id for event in events])
