"""What `Context.once` takes and tells: a side effect as the author of a handler describes it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from bridge.errors import FailureCode
from bridge.values import dataclass

Json = dict[str, Any]
Send = Callable[[], Awaitable[Json]]
"""Causes a side effect; what is worth remembering of it."""
Settle = Callable[[], Awaitable[Json | None]]
"""Asks whether it was caused: what `Send` would have returned; None when it certainly was not."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A side effect of a request that ended without anybody's knowing what was done.

    Attributes:
        kind, key, payload: as they were given to `Context.once`.
        sent_at: when it was about to be sent, for the last time.
        is_done: True: this is known to be done, and the rest of the request is not finished.
        code: what kept the engine from knowing.
    """

    kind: str
    key: str
    payload: Json
    sent_at: datetime
    is_done: bool
    code: FailureCode
