"""What the bus writes on a message it copies: headers that say why it waits, or why it is dead.

The same names on every broker, as text: codes, counts and times only, never anything of the patient.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from bridge.bus.port import Dead, Delivery

ATTEMPT = "x-attempt"
"""Which try this copy is; absent on the message as it was sent."""
NOT_BEFORE = "x-not-before"
"""Unix seconds before which the copy is not worked on."""
RETRY_REASON = "x-retry-reason"
ORIGINAL_KEY = "x-original-key"
"""Routing key that the sender used; a copy travels by queue name."""
ERROR_REASON = "x-error-reason"
ERROR_DETAIL = "x-error-detail"
DEAD_AT = "x-dead-at"
REPLAY_JOB = "x-replay-job"
"""The job that sent a dead letter again."""

OF_A_TRY = frozenset({ATTEMPT, NOT_BEFORE, RETRY_REASON, ERROR_REASON, ERROR_DETAIL, DEAD_AT})
"""What a copy that starts anew does not carry over."""

_LONGEST = 500
_COUNT = re.compile(r"[0-9]{1,6}")
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


def for_retry(delivery: Delivery, *, reason: str, due: float) -> dict[str, str]:
    """Marks of the copy that is tried next, not before `due` (Unix seconds)."""
    return {
        ATTEMPT: str(delivery.attempt + 1),
        NOT_BEFORE: f"{due:.3f}",
        RETRY_REASON: _one_line(reason),
        ORIGINAL_KEY: delivery.key,
    }


def for_dead(delivery: Delivery, outcome: Dead) -> dict[str, str]:
    """Marks of the copy that is parked: why, after how many tries, and when."""
    return {
        ATTEMPT: str(delivery.attempt),
        ORIGINAL_KEY: delivery.key,
        ERROR_REASON: _one_line(outcome.reason),
        ERROR_DETAIL: _one_line(outcome.detail),
        DEAD_AT: datetime.now(UTC).isoformat(timespec="seconds"),
    }


def for_replay(delivery: Delivery, *, job: str) -> dict[str, str]:
    """Marks of the copy of a dead letter that starts anew; see also `OF_A_TRY`."""
    return {ORIGINAL_KEY: delivery.key, REPLAY_JOB: job}


def attempt(headers: Mapping[str, str]) -> int:
    """The attempt a message is; 1 when nothing usable says so."""
    text = headers.get(ATTEMPT, "")
    return max(1, int(text)) if _COUNT.fullmatch(text) else 1


def due(headers: Mapping[str, str]) -> float:
    """Unix seconds before which a copy of ours must not be worked on; 0 for any other message."""
    text = headers.get(NOT_BEFORE, "")
    return float(text) if ATTEMPT in headers and _SECONDS.fullmatch(text) else 0.0


def _one_line(text: str) -> str:
    # A header ends at a line break (NATS), and a broker bounds its size.
    return " ".join(text.split())[:_LONGEST]
