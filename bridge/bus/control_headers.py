"""What the bus writes on a message it copies: headers that say why it waits, or why it is dead.

The same names on every broker, as text: codes, counts and times only, never anything of the patient.

A sender may set headers of these names as well, so they count only on a message that came a way that senders
do not publish to: out of a delay queue, or put into the work queue itself. Each adapter knows its ways.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from bridge.bus.port import Dead, Delivery, RetryAfter

ATTEMPT = "x-attempt"
"""Which try this copy is; absent on the message as it was sent."""
NOT_BEFORE = "x-not-before"
"""Unix seconds before which the copy is not worked on."""
WAIT = "x-wait"
"""Seconds that this was ahead when it was written."""
RETRY_REASON = "x-retry-reason"
FAULTS = "x-faults"
"""How many tries of this message ended with an error nobody foresaw; absent while none did."""
ORIGINAL_KEY = "x-original-key"
"""Routing key that the sender used; a copy travels by queue name."""
ERROR_REASON = "x-error-reason"
ERROR_DETAIL = "x-error-detail"
DEAD_AT = "x-dead-at"
REPLAY_JOB = "x-replay-job"
"""The job that sent a dead letter again."""

UNTOLD = "x-untold"
"""On a fresh copy of a dead letter that the broker made by itself, and that no worker has seen to yet."""
RETURNED = "x-returned"
"""How often the broker had made it a dead letter by itself and it was taken up again."""
UNNAMED = "x-unnamed"
"""On copies of a message whose sender set no id: the copy has one, made from the body."""

OF_A_DEAD_LETTER = frozenset({ERROR_REASON, ERROR_DETAIL, DEAD_AT, UNTOLD})
"""What only a dead letter has."""
OF_A_TRY = OF_A_DEAD_LETTER | {ATTEMPT, NOT_BEFORE, WAIT, RETRY_REASON, FAULTS}
"""What a copy that starts anew does not carry over."""
_KEPT = frozenset({REPLAY_JOB, RETURNED})
"""What every further copy carries on."""
ALL = OF_A_TRY | _KEPT | {ORIGINAL_KEY}
"""What only the bus may set; `UNNAMED` does no harm whoever sets it."""

_CLOCKS_DIFFER = 60.0
"""Seconds by which the clocks of workers may differ."""
_LONGEST = 500
_COUNT = re.compile(r"[0-9]{1,6}")
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


def for_retry(delivery: Delivery, outcome: RetryAfter, *, now: float) -> dict[str, str]:
    """Headers of the copy that is tried next, not before its pause has passed since `now` (Unix seconds)."""
    told = {
        ATTEMPT: str(delivery.attempt + 1),
        NOT_BEFORE: f"{now + outcome.seconds:.3f}",
        WAIT: f"{outcome.seconds:.3f}",
        RETRY_REASON: _one_line(outcome.reason),
        ORIGINAL_KEY: delivery.key,
    }
    count = faults(delivery.headers) + outcome.is_fault
    return told | {FAULTS: str(count)} if count else told


def for_dead(delivery: Delivery, outcome: Dead) -> dict[str, str]:
    """Headers of the copy among the dead letters: why, after how many tries, and when."""
    return {
        ATTEMPT: str(delivery.attempt),
        ORIGINAL_KEY: delivery.key,
        ERROR_REASON: _one_line(outcome.reason),
        ERROR_DETAIL: _one_line(outcome.detail),
        DEAD_AT: datetime.now(UTC).isoformat(timespec="seconds"),
    }


def for_replay(delivery: Delivery, *, job: str) -> dict[str, str]:
    """Headers of the copy of a dead letter that starts anew; see also `OF_A_TRY`."""
    return {ORIGINAL_KEY: delivery.key, REPLAY_JOB: job}


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The control headers that a copy carries on, of the trusted headers of its original."""
    return {name: value for name, value in headers.items() if name in _KEPT}


def all_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Every control header, for a copy of a copy that is to be as it was."""
    return {name: value for name, value in headers.items() if name in ALL}


def returned(headers: Mapping[str, str]) -> int:
    """How often it was taken up again after the broker had given it up."""
    return _count(headers, RETURNED)


def faults(headers: Mapping[str, str]) -> int:
    """How many tries before this one ended with an error nobody foresaw."""
    return _count(headers, FAULTS)


def attempt(headers: Mapping[str, str]) -> int:
    """The attempt a message is; 1 when nothing usable says so."""
    return max(1, _count(headers, ATTEMPT))


def wait(headers: Mapping[str, str], now: float) -> float:
    """Seconds until a copy of ours may be worked on; 0 when it may, and for any other message.

    A copy with much more time left than it was told to wait was marked before the clock was set back: it may
    be worked on at once, or it would wait for as long again.
    """
    if ATTEMPT not in headers:
        return 0.0
    left = _seconds(headers, NOT_BEFORE) - now
    return left if 0 < left <= _seconds(headers, WAIT) + _CLOCKS_DIFFER else 0.0


def _count(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    return int(text) if _COUNT.fullmatch(text) else 0


def _seconds(headers: Mapping[str, str], name: str) -> float:
    text = headers.get(name, "")
    return float(text) if _SECONDS.fullmatch(text) else 0.0


def _one_line(text: str) -> str:
    # A header ends at a line break (NATS), and a broker bounds its size.
    return " ".join(text.split())[:_LONGEST]
