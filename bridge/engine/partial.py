"""When some of what was asked for came, and the rest may come later."""

from collections.abc import Sequence

from bridge.contracts.events import Event
from bridge.errors import Unavailable


class Partial(Unavailable):
    """Worth another try while there is one; then the request completes with what came.

    Args:
        missing: why the rest did not come.
        events: what is published when no try is left, and says what is missing.
    """

    def __init__(self, missing: Unavailable, events: Sequence[Event]) -> None:
        super().__init__(
            missing.code, stage=missing.stage, detail=missing.detail, retry_after=missing.retry_after
        )
        self.events = events
