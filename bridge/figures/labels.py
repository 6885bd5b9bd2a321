"""The values that a label may have: a known word, or `other`: each new value is a series more."""

from collections.abc import Iterable
from typing import Final, get_args

from bridge.errors import FailureCode
from bridge.record.retrieval import AreaOutcome, UnmappedReason

OTHER: Final = "other"
"""In place of a value that nobody knew beforehand, and of one that is not there."""
_MOST: Final = 64
"""Values that a label may take which come from the engine's own tables, but from no closed list."""


class Known:
    """A closed list of values; an empty one means that there is none to tell."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = frozenset(values) | {""}

    def __call__(self, value: str | None) -> str:
        """The value, or `other`."""
        told = value or ""
        return told if told in self._values else OTHER


class Few:
    """The first 64 different values, where they come from tables of the engine, which are smaller."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def __call__(self, value: str | None) -> str:
        """The value, or `other`."""
        if value is None:
            return OTHER
        if value not in self._values:
            if len(self._values) >= _MOST:
                return OTHER
            self._values.add(value)
        return value


CODES: Final = Known(code.value for code in FailureCode)
RETRY_REASONS: Final = Known(
    {
        *(code.value for code in FailureCode),
        "audit_broken",
        "behind_another",
        "lease_lost",
        "ledger_unavailable",
        "may_be_under_way",
        "running_elsewhere",
    }
)
DEAD_REASONS: Final = Known(
    {
        "attempts_exhausted",
        "crash_loop",
        "delivery_limit",
        "expired",
        "internal",
        "parked_by_broker",
        "body_not_kept",
        "peer_error",
        "peer_rejected",
        "rejected",
        "superseded",
        "too_large",
        "unpublishable",
        "unreadable",
        "unroutable",
    }
)
CALL_OUTCOMES: Final = Known(
    {
        "answered",
        "cancelled",
        "connect_failed",
        "connect_timeout",
        "connection_broken",
        "content_encoding_unknown",
        "deadline",
        "gzip_broken",
        "gzip_truncated",
        "http_4xx",
        "http_5xx",
        "no_descriptors",
        "not_taken",
        "pool_timeout",
        "protocol_broken",
        "read_timeout",
        "request_malformed",
        "tls",
        "too_large",
        "withheld",
        "write_timeout",
        "wrong_control_id",
    }
)
AREA_OUTCOMES: Final = Known(get_args(AreaOutcome))
UNMAPPED_REASONS: Final = Known(get_args(UnmappedReason))
