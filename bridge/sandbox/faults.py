"""Faults that can be switched on while the sandbox runs, per patient, per practice, or for everybody."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

Upstream = Literal["pds", "sds", "proxy", "practice"]
EVERYBODY = "*"


class FaultKind(StrEnum):
    """What goes wrong."""

    DELAY = "delay"
    """Nothing but the delay."""
    STATUS = "status"
    """An error status in the dialect of the upstream, instead of the work."""
    RESET = "reset"
    """The connection is reset before anything is answered, and no work is done."""
    HANG = "hang"
    """The connection stays open and nothing ever comes."""
    DROP = "drop"
    """The work is done, then the connection is closed without an answer."""
    TRUNCATE = "truncate"
    """Half of the body, then the connection is closed: a broken transfer."""
    CUT_JSON = "cut_json"
    """Half of the body as if it were the whole: a complete transfer of broken JSON."""
    DRIP = "drip"
    """The body a few bytes at a time."""
    EMPTY_OBJECT = "empty_object"
    """200 with ``{}``."""
    HTML = "html"
    """A web page, as a framework or a load balancer answers."""
    OUTCOME = "outcome"
    """200 with an OperationOutcome in place of the Bundle."""
    CONTENT_TYPE = "content_type"
    """The right body declared as ``text/plain``."""
    OTHER_PATIENT = "other_patient"
    """Another patient's record (practice only)."""
    STALE_BUNDLE = "stale_bundle"
    """The right record with the trace id of another request (practice only)."""


# Of these the upstream does nothing at all; of all others it does its work first.
INSTEAD_OF_WORK = frozenset({FaultKind.STATUS, FaultKind.RESET, FaultKind.HANG})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: what goes wrong.
        at: which upstream does it. The proxy turns what a practice does to a connection into 502 and 504.
        status: of `FaultKind.STATUS` and `FaultKind.HTML`.
        code: Spine code of a `FaultKind.STATUS` at a practice or PDS; unset, the usual one of the status.
        has_body: False sends a `FaultKind.STATUS` without an OperationOutcome.
        retry_after: seconds; adds ``Retry-After``, and at the proxy ``X-Rate-Limit-*``.
        delay: seconds before the answer.
        times: how often before all is fine again; None is for ever.
    """

    kind: FaultKind = FaultKind.DELAY
    at: Upstream = "practice"
    status: int = 500
    code: str | None = None
    has_body: bool = True
    retry_after: int | None = None
    delay: float = 0.0
    times: int | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Fault":
        """Read what `to_json` wrote.

        Raises:
            TypeError, ValueError: not a fault.
        """
        return cls(**{**value, "kind": FaultKind(value.get("kind", "delay"))})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for the control endpoint."""
        return asdict(self)


@dataclass(slots=True)
class FaultBoard:
    """The faults that are on. A key is an NHS number, an ODS code, or `EVERYBODY`."""

    _on: dict[tuple[str, Upstream], Fault] = field(default_factory=dict)
    _used: dict[tuple[str, Upstream], int] = field(default_factory=dict)

    def set(self, key: str, fault: Fault) -> None:
        """Switch a fault on; it replaces an earlier one of the same key and upstream."""
        self._on[key, fault.at] = fault
        self._used[key, fault.at] = 0

    def clear(self, key: str | None = None) -> None:
        """Switch off every fault of `key`, or of everybody and everything."""
        for place in [place for place in self._on if key is None or place[0] == key]:
            del self._on[place]

    def take(self, at: Upstream, *keys: str | None) -> Fault | None:
        """The fault that this request meets, if any; the first key that has one decides."""
        for key in (*keys, EVERYBODY):
            fault = self._on.get((key, at)) if key else None
            if fault is None or key is None:
                continue
            self._used[key, at] += 1
            if fault.times is None or self._used[key, at] <= fault.times:
                return fault
        return None
