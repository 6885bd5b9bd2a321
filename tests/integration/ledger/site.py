"""What the tests of the ledger share: a clock to turn, requests to open, events and calls to end them with."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.ledger import Opening, RecordedCall, RequesterFacts, Started, StoredEvent, request_key
from bridge.ledger.keys import KeyFile, create_ring
from bridge.ledger.model import BeginResult
from bridge.ledger.vault.aes_gcm import AesGcmSealer

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BODY_SHA256 = "ab" * 32
NHS_NUMBER = "9990000018"


class Clock:
    """A wall clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def sealer_in(folder: Path) -> AesGcmSealer:
    """The real sealer, with a key ring that every ledger of this folder shares."""
    ring = folder / "vault.keys"
    if not ring.exists():
        create_ring(ring)
    return AesGcmSealer(KeyFile(ring, "BRIDGE_VAULT_KEYS_FILE", look_every=0))


def opening(number: int = 1, **other: Any) -> Opening:
    facts: dict[str, Any] = {
        "request_key": request_key("/epr", f"r-{number}"),
        "pipeline": "structured_record",
        "correlation_id": f"c-{number}",
        "body_sha256": BODY_SHA256,
        "received_at": START,
        "patient_key": "0123456789abcdef0123456789abcdef",
        "requester": RequesterFacts("u-77", "Hospital pharmacist", "RXX"),
    }
    return Opening(**facts | other)


def events(number: int = 1, count: int = 2) -> list[StoredEvent]:
    topics = ("medications.published.v1", "request.completed.v1")
    return [
        StoredEvent(
            f"e-{number}-{index}",
            topics[index % len(topics)],
            f'{{"data":{{"nhs_number":"{NHS_NUMBER}","index":{index}}}}}'.encode(),
        )
        for index in range(count)
    ]


def call(**other: Any) -> RecordedCall:
    facts: dict[str, Any] = {
        "what": "gpc.getstructuredrecord",
        "where": "A12345",
        "trace_id": "t-1",
        "status": 200,
        "started_at": START,
        "duration_ms": 812.5,
    }
    return RecordedCall(**facts | other)


def started(claim: BeginResult) -> Started:
    """The claim, which must have been given."""
    assert isinstance(claim, Started), claim
    return claim
