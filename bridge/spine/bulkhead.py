"""Bulkheads: what one practice, or one national service, may take of a worker, whatever state it is in.

A call is held back, and nothing is sent, when

- ``circuit_open``: the last calls failed; one probe at a time finds out whether that is over,
- ``silent``: nothing has come back for a while, and enough calls wait for it as it is,
- ``busy``: as many calls are in flight as may be,
- ``rate_limited``: as many calls were started in the last second as may be.

The request goes back to the bus with a short pause, because waiting here would hold one of the worker's
slots: with a practice that hangs they would soon all be held, and every other practice would wait too.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

from bridge.errors import FailureCode, HeldBack, ResponseInvalid, Stage, Unavailable
from bridge.observe import record
from bridge.observe.vocabulary.upstreams import CircuitChanged
from bridge.spine.answer import Answer
from bridge.spine.limiter import RateLimiter
from bridge.values import dataclass

_WINDOW: Final = 20
_FAILED_SHARE: Final = 0.5
"""The circuit opens as well when half of the last twenty calls failed, each for another request."""
_SUCCEEDED: Final = None
"""Among the last calls: one that did not fail."""
current_request_key: ContextVar[str | None] = ContextVar("current_request_key", default=None)
"""The request for which calls are made. However often it fails, it counts once against the other side:
the fault may lie in the request."""
_SOON: Final = 1.0
"""Seconds after which a call that found no room may come again."""


class Circuit(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a bulkhead allows.

    Attributes:
        concurrency: calls in flight; None leaves it to the connections of the upstream.
        per_second: starts within a second; None is without a limit.
        silent_concurrency: calls in flight to one from which nothing comes back.
        silent_after: seconds without any answer, while calls wait for one, that make it silent.
        failures: in a row, of as many requests, that open the circuit.
        pause: seconds until the first probe.
    """

    failures: int
    pause: float
    concurrency: int | None = None
    per_second: float | None = None
    silent_concurrency: int | None = None
    silent_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Blame:
    """What is a failure of this side, and how it is called when it is held back.

    Attributes:
        codes: of `Unavailable`. One that is not among them says nothing about this side.
        statuses: whether an answer such as 503 is its own. The proxy's are the practice's behind it.
        silent: the code for `silent` and `busy`.
        failing: the code for `circuit_open` and `rate_limited`.
        stage: where it happens.
    """

    codes: frozenset[FailureCode]
    statuses: bool
    silent: FailureCode
    failing: FailureCode
    stage: Stage


@dataclass(frozen=True, slots=True)
class BulkheadFacts:
    """One bulkhead as it is now, for health and metrics.

    Attributes:
        upstream: ``pds``, ``sds``, ``ssp`` or ``practice``.
        where: ODS code of the practice.
        circuit: whether calls pass.
        in_flight: calls that wait for an answer.
        opened: how often the circuit opened since the start.
        held_back: calls that were not made since the start.
        answered_at: when an answer came last that was no failure of this side; None: none did yet.
        failed_at: when a call failed last by a fault of this side; None: none did yet.
    """

    upstream: Literal["pds", "sds", "ssp", "practice"]
    where: str | None
    circuit: Circuit
    in_flight: int
    opened: int
    held_back: int
    answered_at: datetime | None = None
    failed_at: datetime | None = None


class Bulkhead:
    """Around every call to one side.

    Args:
        upstream: as the log calls it.
        where: ODS code of the practice, when it is one.
        policy: what it allows.
        blame: whose failures count.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        upstream: Literal["pds", "sds", "ssp", "practice"],
        policy: Policy,
        blame: Blame,
        *,
        where: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstream: Literal["pds", "sds", "ssp", "practice"] = upstream
        self._where = where
        self._policy = policy
        self._blame = blame
        self._clock = clock
        self._limiter = RateLimiter(policy.per_second, clock=clock) if policy.per_second else None
        self._circuit = Circuit.CLOSED
        self._probe_at = 0.0
        self._probing = False
        self._in_row: set[object] = set()
        self._last_calls: deque[object] = deque(maxlen=_WINDOW)
        self._in_flight = 0
        self._heard_at = 0.0
        self._opened = 0
        self._held_back = 0
        self._answered_at: datetime | None = None
        self._failed_at: datetime | None = None

    async def run(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make the call, if it may be made now, and learn from how it ends.

        Raises:
            HeldBack: it was not made; `retry_after` says when to come again.
            Unavailable, ResponseInvalid: as `call` does.
        """
        is_probe = self._admit()
        fine: bool | None = None
        try:
            answer = await call()
            fine = not (self._blame.statuses and answer.may_pass)
        except Unavailable as failure:
            if failure.code in self._blame.codes:
                fine = False
            raise
        except ResponseInvalid:
            fine = True  # nothing that waiting cures, and it did answer
            raise
        except asyncio.CancelledError:
            if self._clock() - self._heard_at > self._policy.silent_after:
                fine = False  # the request's own time was over before the call's
            raise
        else:
            return answer
        finally:
            self._leave(fine=fine, is_probe=is_probe)

    def facts(self) -> BulkheadFacts:
        """How it is now."""
        return BulkheadFacts(
            self._upstream,
            self._where,
            self._circuit,
            self._in_flight,
            self._opened,
            self._held_back,
            self._answered_at,
            self._failed_at,
        )

    def _admit(self) -> bool:
        """Take a place, or refuse one; whether it is a probe's."""
        now = self._clock()
        is_probe = self._circuit is not Circuit.CLOSED
        if is_probe:
            self._check_probe(now)
        else:
            self._check_room(now)
        if self._limiter is not None and (wait := self._limiter.try_start()) > 0:
            raise self._hold_back(self._blame.failing, "rate_limited", wait)
        if self._in_flight == 0:
            self._heard_at = now  # nobody waited: silence begins now
        self._in_flight += 1
        if is_probe:
            self._probing = True
            self._change(Circuit.HALF_OPEN)
        return is_probe

    def _check_probe(self, now: float) -> None:
        if self._probing or now < self._probe_at:
            # Spread, so that requests held back at one moment do not all return at one moment.
            spread = random.uniform(0, self._policy.pause / 2)  # noqa: S311 - spreads load, guards no secret
            wait = max(self._probe_at - now, _SOON) + spread
            raise self._hold_back(self._blame.failing, "circuit_open", wait)

    def _check_room(self, now: float) -> None:
        policy = self._policy
        if (
            policy.silent_concurrency is not None
            and self._in_flight >= policy.silent_concurrency
            and now - self._heard_at > policy.silent_after
        ):
            raise self._hold_back(self._blame.silent, "silent", policy.silent_after)
        if policy.concurrency is not None and self._in_flight >= policy.concurrency:
            raise self._hold_back(self._blame.silent, "busy", _SOON)

    def _hold_back(self, code: FailureCode, detail: str, wait: float) -> HeldBack:
        self._held_back += 1
        return HeldBack(code, stage=self._blame.stage, detail=detail, retry_after=wait)

    def _leave(self, *, fine: bool | None, is_probe: bool) -> None:
        """Give the place back, and learn from how the call ended; `fine` is None when that says nothing."""
        self._in_flight -= 1
        if fine:
            self._heard_at, self._answered_at = self._clock(), datetime.now(UTC)
        elif fine is not None:
            self._failed_at = datetime.now(UTC)
        if is_probe:
            self._probing = False
            if fine is not None:  # else the next call is the probe
                self._close() if fine else self._open()
        elif fine is not None and self._circuit is Circuit.CLOSED:
            if fine:
                self._last_calls.append(_SUCCEEDED)
                self._in_row.clear()
                return
            witness = current_request_key.get() or object()
            self._last_calls.append(witness)
            self._in_row.add(witness)
            if len(self._in_row) >= self._policy.failures or self._mostly_failing():
                self._open()

    def _mostly_failing(self) -> bool:
        return (
            len(self._last_calls) == _WINDOW
            and len({*self._last_calls} - {_SUCCEEDED}) >= _WINDOW * _FAILED_SHARE
        )

    def _open(self) -> None:
        self._probe_at = self._clock() + self._policy.pause
        self._opened += self._circuit is Circuit.CLOSED
        self._change(Circuit.OPEN)

    def _close(self) -> None:
        self._in_row.clear()
        self._last_calls.clear()
        self._change(Circuit.CLOSED)

    def _change(self, circuit: Circuit) -> None:
        if circuit is self._circuit:
            return
        self._circuit = circuit
        record(
            CircuitChanged(
                self._upstream,
                circuit.value,
                failures=len(self._in_row),
                in_flight=self._in_flight,
                held_back=self._held_back,
                practice_ods=self._where,
            )
        )


class PracticeBulkheads:
    """One bulkhead per practice, made when it is first called. England has some 6,500 practices.

    Args:
        policy: of each.
        clock: seconds, monotonic.
    """

    _BLAME: Final = Blame(
        codes=frozenset({FailureCode.PROVIDER_TIMEOUT, FailureCode.PROVIDER_ERROR}),
        statuses=True,
        silent=FailureCode.PROVIDER_TIMEOUT,
        failing=FailureCode.PROVIDER_ERROR,
        stage="provider",
    )

    def __init__(self, policy: Policy, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._by_ods: dict[str, Bulkhead] = {}

    def of(self, ods: str) -> Bulkhead:
        """The bulkhead of one practice."""
        bulkhead = self._by_ods.get(ods)
        if bulkhead is None:
            bulkhead = self._by_ods[ods] = Bulkhead(
                "practice", self._policy, self._BLAME, where=ods, clock=self._clock
            )
        return bulkhead

    def facts(self) -> Iterator[BulkheadFacts]:
        """How each practice's is now."""
        return (bulkhead.facts() for bulkhead in self._by_ods.values())
