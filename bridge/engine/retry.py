"""The one retry policy: when a failed try is worth another, and how long to wait for it."""

import random
from datetime import datetime, timedelta

from bridge.errors import HeldBack, Unavailable
from bridge.settings import RetrySettings

_GROWTH = 3.0
_MOST_HELD_BACK = 8


def pause_before_retry(
    failure: Unavailable,
    *,
    attempt: int,
    now: datetime,
    expires_at: datetime | None,
    policy: RetrySettings,
) -> float | None:
    """Seconds to wait before the next try, or None when there shall be none.

    Back-off grows threefold with up to half as much again of jitter, so that requests that failed together do
    not return together. What the other side asked for (``Retry-After``) is never undercut. At most
    ``policy.attempts`` retries (SP-037), and none that would start after the request expired.

    What was held back was not tried: it comes again without a growing pause, and more often, though not for
    ever, because somebody waits for an answer.
    """
    if isinstance(failure, HeldBack):
        most, back_off = _MOST_HELD_BACK, policy.first_delay
    else:
        most, back_off = policy.attempts, policy.first_delay * _GROWTH ** (attempt - 1)
    if attempt > most:
        return None
    back_off = min(policy.max_delay, back_off)
    pause = back_off * random.uniform(1.0, 1.5)  # noqa: S311 - spreads load, guards no secret
    if failure.retry_after is not None:
        if failure.retry_after > policy.longest_wait:
            return None
        pause = max(pause, failure.retry_after)
    if expires_at is not None and now + timedelta(seconds=pause) >= expires_at:
        return None
    return pause
