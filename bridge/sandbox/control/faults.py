"""Faults that can be switched on while the sandbox runs, per patient, per practice, or for everybody."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

from bridge.sandbox.spine.interactions import NAMES

FaultPlace = Literal["pds", "sds", "proxy", "practice"]


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
    BYTE_ORDER_MARK = "byte_order_mark"
    """The right body behind a byte order mark."""
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
    LOST = "lost"
    """The work is done, and an error status is answered in place of the answer."""
    LATE = "late"
    """An error status at once; the work is done `InjectedFault.delay` seconds later (practice only)."""
    TAKEN = "taken"
    """The practice gives the wanted slots away just before a booking (practice only)."""
    TOUCHED = "touched"
    """The practice saves the appointment just before a change: another version (practice only)."""
    OTHER_PATIENT = "other_patient"
    """Another patient's record (practice only)."""
    STALE_BUNDLE = "stale_bundle"
    """The right record with the trace id of another request (practice only)."""


_PRACTICE_ONLY = frozenset({FaultKind.LATE, FaultKind.TAKEN, FaultKind.TOUCHED})
_MEANT_FOR = {FaultKind.TAKEN: {"book"}, FaultKind.TOUCHED: {"amend", "cancel"}}
# Of these the upstream does nothing at all; of all others it does its work first.
INSTEAD_OF_WORK = frozenset({FaultKind.STATUS, FaultKind.RESET, FaultKind.HANG})


@dataclass(frozen=True, slots=True)
class InjectedFault:
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
        after: how many requests go well before it begins.
        lasts: seconds before all is fine again; None is for ever.
        on: names of the operations that meet it (`interactions.OPERATIONS`); empty is every one.
    """

    kind: FaultKind = FaultKind.DELAY
    at: FaultPlace = "practice"
    status: int = 500
    code: str | None = None
    has_body: bool = True
    retry_after: int | None = None
    delay: float = 0.0
    times: int | None = None
    after: int = 0
    lasts: float | None = None
    on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if set(self.on) - NAMES:
            raise ValueError("no such operation")
        if self.kind in _PRACTICE_ONLY and self.at != "practice":
            raise ValueError("only a practice can do this")

    def concerns(self, operation: str | None) -> bool:
        """Whether requests for `operation` meet it; None is a request that is for none, as at PDS."""
        meant = _MEANT_FOR.get(self.kind, {operation})
        return operation in meant and (not self.on or operation in self.on)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "InjectedFault":
        """Read what `to_json` wrote.

        Raises:
            TypeError, ValueError: not a fault.
        """
        return cls(
            **{**value, "kind": FaultKind(value.get("kind", "delay")), "on": tuple(value.get("on", ()))}
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for the control endpoint."""
        return asdict(self)
