"""What each server saw: the audit trail of the sandbox, for tests and for reading along."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent and answered, byte for byte: synthetic patients, so it may be shown.

    Attributes:
        target: the path as it was sent, without the query.
        headers: of the request, names in lower case.
        answer: as the server wrote it, before it was compressed; empty where a server passed on another's.
    """

    target: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    answer: bytes = b""


@dataclass(slots=True)
class Call:
    """One request and how it ended.

    Attributes:
        sequence: 1 for the first request of this sandbox; no gaps.
        upstream: ``token``, ``pds``, ``sds``, ``proxy`` or ``practice``.
        nhs_number: once the server has read it. Kept in memory, never logged.
        practice: ODS code of the practice addressed.
        claims: of the token, when it could be read.
        fault: kind of the fault that this request met.
        status: answered; None when nothing was.
        refused: why the server refused, in words that name rules and never values of the patient.
        headers: names of the headers of the request, in lower case.
        remarks: what was accepted and yet is not as a consumer should do it; each names its duty.
        exchange: kept where the sandbox was told to (`SandboxOptions.keep_exchanges`).
    """

    sequence: int
    upstream: str
    method: str
    at: datetime
    interaction: str | None = None
    trace_id: str | None = None
    nhs_number: str | None = None
    practice: str | None = None
    claims: dict[str, Any] | None = None
    fault: str | None = None
    status: int | None = None
    refused: str | None = None
    headers: frozenset[str] = frozenset()
    remarks: list[str] = field(default_factory=list)
    exchange: Exchange | None = field(default=None, repr=False)


@dataclass(slots=True)
class CallLog:
    """The last `KEPT` calls, oldest first. `listener` hears of each when it has ended.

    With `exchanges` each keeps what was sent and answered, for a report of what a consumer does.
    """

    listener: Callable[[Call], None] | None = None
    keep: bool = True
    exchanges: bool = False
    _calls: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT))
    _count: int = 0
    _once: dict[str, set[int]] = field(default_factory=dict)

    def begin(self, upstream: str, method: str) -> Call:
        """Note that a request has arrived."""
        self._count += 1
        call = Call(self._count, upstream, method, datetime.now(UTC))
        if self.keep:
            self._calls.append(call)
        return call

    def end(self, call: Call) -> None:
        """Note that a request has been answered, or not."""
        if self.listener:
            self.listener(call)

    def is_new(self, kind: str, value: str) -> bool:
        """Whether `value` comes for the first time among its kind."""
        seen = self._once.setdefault(kind, set())
        # The hash is kept, not the value: tokens are long, and a sandbox may run for days.
        is_new = hash(value) not in seen
        seen.add(hash(value))
        return is_new

    def of(self, upstream: str, *, nhs_number: str | None = None) -> list[Call]:
        """The calls one upstream saw, of one NHS number if that is said."""
        return [
            call
            for call in self._calls
            if call.upstream == upstream and (nhs_number is None or call.nhs_number == nhs_number)
        ]

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def clear(self) -> None:
        """Forget the calls and what was used before; the sequence goes on."""
        self._calls.clear()
        self._once.clear()
