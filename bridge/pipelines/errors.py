"""What a handler may raise or catch: the part of `bridge.errors` that is about one request.

`Refused` when the answer is no, `Unavailable` when it may be different later, `RequestRejected` when the
message is at fault, `Partial` when some of what was asked for came.
"""

from collections.abc import Sequence

from bridge.contracts.events import Event
from bridge.errors import (
    AppointmentRefused,
    FailureCode,
    HeldBack,
    NotDone,
    Refused,
    RegistrationRefused,
    RequestFailed,
    RequestRejected,
    ResponseInvalid,
    Unavailable,
)

__all__ = [
    "AppointmentRefused",
    "FailureCode",
    "HeldBack",
    "NotDone",
    "Partial",
    "Refused",
    "RegistrationRefused",
    "RequestFailed",
    "RequestRejected",
    "ResponseInvalid",
    "Unavailable",
]


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
