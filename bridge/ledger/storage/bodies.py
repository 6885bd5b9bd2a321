"""Bodies at rest: sealed, and bound to their request and their place in it."""

from collections.abc import Iterable

from bridge.ledger.model import StoredEvent
from bridge.ledger.vault.sealing import Sealer
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event and its body as it rests in the database."""

    event: StoredEvent
    sealed: bytes


def seal_events(sealer: Sealer, key: str, events: Iterable[StoredEvent]) -> list[SealedEvent]:
    """Seal the bodies of events of one request."""
    return [SealedEvent(event, sealer.seal(event.body, _aad(key, "event", event.id))) for event in events]


def open_event(sealer: Sealer, key: str, event_id: str, sealed: bytes) -> bytes:
    """The body that `seal_events` sealed."""
    return sealer.open(sealed, _aad(key, "event", event_id))


def seal_message(sealer: Sealer, key: str, message: bytes) -> bytes:
    """Seal what was asked."""
    return sealer.seal(message, _aad(key, "message", ""))


def open_message(sealer: Sealer, key: str, sealed: bytes) -> bytes:
    """The message that `seal_message` sealed."""
    return sealer.open(sealed, _aad(key, "message", ""))


def seal_payload(sealer: Sealer, key: str, kind: str, payload: bytes) -> bytes:
    """Seal what an intent is about to send."""
    return sealer.seal(payload, _aad(key, "payload", kind))


def open_payload(sealer: Sealer, key: str, kind: str, sealed: bytes | None) -> bytes:
    """The payload; empty once it was pruned."""
    return b"" if sealed is None else sealer.open(sealed, _aad(key, "payload", kind))


def seal_result(sealer: Sealer, key: str, kind: str, result: bytes | None) -> bytes | None:
    """Seal what the other side said."""
    return None if result is None else sealer.seal(result, _aad(key, "result", kind))


def open_result(sealer: Sealer, key: str, kind: str, sealed: bytes | None) -> bytes | None:
    """The result, if there is one and it was not pruned."""
    return None if sealed is None else sealer.open(sealed, _aad(key, "result", kind))


def _aad(key: str, part: str, name: str) -> bytes:
    return f"{key}\n{part}\n{name}".encode()
