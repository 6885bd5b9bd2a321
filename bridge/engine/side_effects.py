"""Side effects: written down before they are caused, never caused twice, settled by asking the other side.

What `SideEffects.once` does depends on what is known of the effect from earlier tries:

=================================  ========================================================================
what is known                      what is done
=================================  ========================================================================
nothing, or it was never sent      written down, then sent
it was done                        the stored result is returned; nobody is called
it was refused                     the same refusal is raised; nobody is called
nobody knows                       settled, when a call that may be under way must have ended; never before
it was settled as not done         sent again while tries are left and it may be; else `NotDone`
=================================  ========================================================================

Written down is not sent: the right to send is looked at once more where the bytes are about to go
(`bridge.spine.sending`), by clocks that go on while a process stands still. What was done all the same after
the lease was lost is kept in `SideEffects.late`, for the runner to tell (`bridge.engine.late`).

A refusal of a second try may be the other side's answer to our own first one (``DUPLICATE_REJECTED``): it is
believed only when settling finds nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import orjson

from bridge.engine.journal.side_effects import SideEffectJournal
from bridge.errors import (
    FailureCode,
    HeldBack,
    NotDone,
    Refused,
    RequestFailed,
    ResponseInvalid,
    Unavailable,
)
from bridge.ledger import Intent, IntentVerdict, Lease, LeaseLost, LedgerUnavailable
from bridge.ledger.clocks import Deadline, uptime, utc_now
from bridge.observe import record
from bridge.observe.vocabulary.requests import RefusalExplained, SideEffectSettled
from bridge.pipelines.side_effects import InDoubt, Json, Send, Settle
from bridge.settings import Settings
from bridge.spine.sending import last_word
from bridge.values import dataclass

_EXPIRED: Final = "expired"


def in_doubt_about(intent: Intent, *, is_done: bool, code: FailureCode) -> InDoubt:
    """What is told of an intent: nobody knows whether it was done, or the rest of the request is not."""
    return InDoubt(
        intent.kind, intent.settle_key, orjson.loads(intent.payload), intent.created_at, is_done, code
    )


class TooEarly(HeldBack):
    """What was sent may still be under way: it is settled later. Nothing was called."""


class TooLate(HeldBack):
    """The right to send is over, or nearly: by the request's expiry, or by the lease. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Late:
    """What a try found out after its lease was lost.

    Attributes:
        intent: that it sent.
        result: what the other side said when it was done; None: it left late, and nobody knows.
    """

    intent: Intent
    result: bytes | None


@dataclass(frozen=True, slots=True)
class SideEffectLimits:
    """How far the engine goes.

    Attributes:
        settle_after: seconds since the try that sent it ended before an effect may be settled.
        retries: how often one may be sent again, at most.
        is_allowed: whether `once` may be used: a pipeline that does must say what to publish in doubt.
        margin: seconds that the lease must last when something is sent, so that its call has ended before
            another worker, which settles no sooner than `settle_after` after the lease, may ask about it.
        expiry: after this nothing is sent; None: never.
    """

    settle_after: float
    retries: int
    is_allowed: bool
    margin: float = 0.0
    expiry: Deadline | None = None

    @property
    def has_expired(self) -> bool:
        """Whether the request's time is over, by either clock."""
        return self.expiry is not None and self.expiry.remains(now=utc_now(), uptime=uptime()) <= 0


def lease_margin(settings: Settings) -> float:
    """`SideEffectLimits.margin` of an installation.

    Nobody else asks what became of a call sooner than ``settle_after`` after the lease has ended, and
    outside the sandbox that is no shorter than a call may take. A quarter of a lease is left for clocks that
    differ. A worker that is well has more than half of a lease at any moment: it renews three times as often.
    """
    lease = settings.ledger.lease_seconds
    return min(lease / 2, max(0.0, settings.spine.call_timeout - settings.settle_after) + lease / 4)


class SideEffects:
    """The side effects of one request, as one try of it sees them.

    Args:
        journal: where they are written down.
        lease: the right to work on the request.
        known: from earlier tries, oldest first.
        limits: how far to go.
        withheld: why nothing may be sent any more, if so; what is known is still settled.
    """

    def __init__(
        self,
        journal: SideEffectJournal,
        lease: Lease,
        known: Sequence[Intent],
        limits: SideEffectLimits,
        *,
        withheld: str | None = None,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._intents = list(known)
        self._limits = limits
        self._told: set[tuple[str, str]] = set()
        self.withheld = withheld
        self.late: list[Late] = []

    @property
    def were_tried(self) -> bool:
        """Whether anything was ever about to be sent for this request."""
        return bool(self._intents)

    @property
    def holds_no_longer(self) -> bool:
        """Whether the lease is over, or lost."""
        return self._journal.lasts(self._lease) <= 0

    @property
    def are_told(self) -> bool:
        """Whether this try of the handler knows of everything that was, or may have been, done.

        One that ends without having come to an effect again would tell of a request in which it never was.
        """
        return all(
            not intent.is_open and (intent.kind, intent.settle_key) in self._told
            for intent in self._unfinished
        )

    @property
    def is_unfinished(self) -> bool:
        """Whether something was, or may have been, done: such a request never ends as failed."""
        return bool(self._unfinished)

    @property
    def _unfinished(self) -> list[Intent]:
        return [intent for intent in self._intents if intent.is_open or intent.verdict == "done"]

    def settled_in(self, now: datetime) -> float:
        """Seconds until everything that is open may be settled."""
        return max(
            (self._early(intent, now) for intent in self._intents if intent.is_open),
            default=0.0,
        )

    def in_doubt(self, code: FailureCode) -> InDoubt:
        """What the request's own event in doubt tells: of what is open, else of what was done last."""
        *_, last = self._unfinished
        told = next((intent for intent in reversed(self._unfinished) if intent.is_open), last)
        return in_doubt_about(told, is_done=not told.is_open, code=code)

    def sent(self, kind: str, key: str) -> Json | None:
        """See `bridge.pipelines.Context.sent`."""
        written = (intent for intent in self._intents if (intent.kind, intent.settle_key) == (kind, key))
        first = next(written, None)
        return None if first is None else orjson.loads(first.payload)

    async def once(self, kind: str, *, key: str, payload: Json, send: Send, settle: Settle) -> Json:
        """See `bridge.pipelines.Context.once`."""
        if not self._limits.is_allowed:
            raise RuntimeError("an operation with side effects must declare in_doubt")
        tries = [intent for intent in self._intents if (intent.kind, intent.settle_key) == (kind, key)]
        # What was done counts, even where it was found out after the next try.
        was_done = (intent for intent in tries if intent.verdict == "done")
        last = next(chain(was_done, reversed(tries)), None)
        if last is not None and last.is_open:
            last = await self._settle_later(last, settle)
        if last is not None and last.verdict == "done":
            self._told.add((kind, key))
            return _result(last)
        if last is not None and last.verdict == "refused":
            raise _refusal(last)
        sent = sum(intent.verdict != "not_sent" for intent in tries)
        reason = self.withheld or ("tries_used_up" if sent > self._limits.retries else None)
        if reason is not None:
            raise NotDone(FailureCode.NOT_DONE, stage="engine", detail=reason, reason="not_done")
        return await self._send(kind, key, payload, send, settle, is_first=not sent)

    def may_send(self) -> None:
        """The last word before something is sent; see `bridge.spine.sending`.

        Raises:
            TooLate: not any more.
        """
        if self._limits.has_expired:
            raise TooLate(FailureCode.REQUEST_EXPIRED, stage="engine", detail=_EXPIRED)
        if self._journal.lasts(self._lease) < self._limits.margin:
            raise TooLate(FailureCode.INTERNAL, stage="engine", detail="lease_ends")

    async def _send(
        self, kind: str, key: str, payload: Json, send: Send, settle: Settle, *, is_first: bool
    ) -> Json:
        if self._limits.has_expired:
            raise self._expired()
        intent = await self._journal.intend(
            self._lease, kind=kind, settle_key=key, payload=orjson.dumps(payload)
        )
        self._intents.append(intent)
        leaving = _Leaving(self)
        try:
            with last_word(leaving):
                leaving.check()
                result = await send()
        except HeldBack:
            await self._close(intent, "not_sent")
            if self._limits.has_expired:
                raise self._expired() from None
            raise
        except ResponseInvalid as answer:
            # Something was answered, and nobody knows what: it may well have been done.
            raise _unknown(answer) from answer
        except Refused as refusal:
            if not is_first and (found := await _ask(settle)) is not None:
                record(RefusalExplained(kind, refusal.code.value))
                return await self._done(intent, found)
            await self._close(intent, "refused", _written(refusal))
            raise
        except BaseException:
            if leaving.left_late:
                self.late.append(Late(intent, None))
            raise
        return await self._done(intent, result)

    def _expired(self) -> RequestFailed:
        """How a request ends that has no time left to send: as a failure, unless there is more to tell."""
        if all(intent.verdict == "not_sent" for intent in self._intents):
            return RequestFailed(FailureCode.REQUEST_EXPIRED, stage="engine")
        self.withheld = self.withheld or _EXPIRED
        return NotDone(FailureCode.NOT_DONE, stage="engine", detail=self.withheld, reason="not_done")

    async def _settle_later(self, intent: Intent, settle: Settle) -> Intent:
        """Ask what became of what an earlier try sent, once that must have ended (spec AP §10.2)."""
        early = self._early(intent, datetime.now(UTC))
        if early > 0:
            raise TooEarly(
                FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="may_be_under_way", retry_after=early
            )
        found = await _ask(settle)
        record(SideEffectSettled(intent.kind, "not_done" if found is None else "done"))
        if found is None:
            return await self._close(intent, "not_done")
        return await self._close(intent, "done", orjson.dumps(found))

    async def _done(self, intent: Intent, result: Json) -> Json:
        self._told.add((intent.kind, intent.settle_key))
        written = orjson.dumps(result)
        try:
            return _result(await self._close(intent, "done", written))
        except (LeaseLost, LedgerUnavailable):
            self.late.append(Late(intent, written))
            raise

    async def _close(self, intent: Intent, verdict: IntentVerdict, result: bytes | None = None) -> Intent:
        await self._journal.settle(self._lease, intent, verdict=verdict, result=result)
        closed = replace(intent, verdict=verdict, result=result)
        self._intents[self._intents.index(intent)] = closed
        return closed

    def _early(self, intent: Intent, now: datetime) -> float:
        # Written down is not sent: a try may have sent it at its last moment (spec AP §10.2).
        return self._limits.settle_after - (now - (intent.tried_until or now)).total_seconds()


class _Leaving:
    """What one call with a side effect asks before it leaves."""

    def __init__(self, side_effects: SideEffects) -> None:
        self._side_effects = side_effects
        self.left_late = False

    def check(self) -> None:
        self._side_effects.may_send()

    def sent(self) -> None:
        self.left_late = self._side_effects.holds_no_longer


async def _ask(settle: Settle) -> Json | None:
    try:
        return await settle()
    except Refused as refusal:
        # It may not be asked, or its answer cannot be used: that says nothing about what was done.
        raise _unknown(refusal) from refusal


def _unknown(refusal: Refused) -> Unavailable:
    return Unavailable(refusal.code, stage=refusal.stage, detail=refusal.detail)


def _result(intent: Intent) -> Json:
    result: Json = orjson.loads(intent.result or b"{}")
    return result


def _written(refusal: Refused) -> bytes:
    return orjson.dumps(
        {
            "kind": _tag(type(refusal)),
            "code": refusal.code,
            "stage": refusal.stage,
            "detail": refusal.detail,
            "reason": refusal.reason,
        }
    )


def _tag(kind: type[Refused]) -> str:
    """Its own tag, never an inherited one; a site's kind without one goes by the name of its class."""
    tag: str = vars(kind).get("tag", kind.__name__)
    return tag


def _kinds(kind: type[Refused]) -> Iterator[type[Refused]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def _refusal(intent: Intent) -> Refused:
    """The refusal as it was raised the first time."""
    told = _result(intent)
    # Before there were tags the name of the class was stored.
    known = (kind for kind in _kinds(Refused) if told["kind"] in (_tag(kind), kind.__name__))
    kind = next(known, Refused)
    return kind.again(
        FailureCode(told["code"]), stage=told["stage"], detail=told["detail"], reason=told["reason"]
    )
