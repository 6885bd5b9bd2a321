"""Delivering rendered HL7 v2 messages to the peer: what becomes of each.

=========================================  ================  =========================================
what happened                              in the ledger     message
=========================================  ================  =========================================
the peer has it (AA, CA)                   completed         done
an error that may pass (AE, CE)            waiting           delay queue; dead (peer_error) after
                                                             ``BRIDGE_MLLP_GIVE_UP_AFTER``
sent, and no word that can be used         in flight         held, and sent again; after some minutes
                                           waiting           as with an error that may pass
the peer will never take it (AR, CR)       failed            dead (peer_rejected)
no connection                              in flight         held, and sent again; after some minutes
                                           waiting           delay queue, for as long as it takes
another of the same patient is first       waiting           delay queue
it was delivered before                    completed         done
its data is not in the vault any more      failed            dead (body_not_kept)
it is no such message                      none              dead (unreadable)
an older list than one that was delivered  failed            dead (superseded)
=========================================  ================  =========================================

It is sent again as it is, under the same control id (MSH-10), by which the receiver knows it. Messages about
one patient are sent in the order in which they came: in hand they wait for each other, and once one of them
waits in a delay queue the ledger has those behind it wait too, unless it is days late for its next try. What
holds a message up before the ledger knows it is waited for with the message in hand.

Which of two lists (A31, A60, VXU) of a patient and topic is older is told by when the practice answered
(``snapshotat``), never by when a message came: answers may be published in another order than they were
given in, and dead letters are sent again in any. Two of one answer are of one age. Reports (ORU) replace
nothing, so each of them is sent.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from bridge.bus import control_headers
from bridge.bus.port import Dead, Delivery, Disposition, Done, RetryAfter
from bridge.contracts.envelope import opaque_id
from bridge.engine.circumstances import circumstances
from bridge.engine.journal import Journal
from bridge.engine.journal.requests import Facts
from bridge.engine.mllp.one_per_patient import OnePerPatient
from bridge.engine.mllp.rendered import HL7V2_DELIVERY, RenderedMessage, read_rendered
from bridge.engine.outcomes import TryFacts, told_as
from bridge.engine.tracing import delivering_to_peer, tell_outcome
from bridge.errors import FailureCode, RequestRejected
from bridge.hl7v2 import UTF_8, MessageFault, read
from bridge.ledger import (
    BeginResult,
    Behind,
    Conflict,
    Ended,
    EndState,
    Lease,
    LeaseLost,
    LedgerUnavailable,
    Opening,
    Running,
    Started,
)
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.keys import KeyUnknown, NotKept, SealBroken
from bridge.mllp.acknowledgements import Acknowledgement
from bridge.mllp.peer import Peer, PeerAway
from bridge.observe import CallNote, about_request, noting_calls, record
from bridge.observe.spans import SpanAttributes
from bridge.observe.vocabulary.ledger import AuditFoundBroken, LedgerAway
from bridge.observe.vocabulary.mllp import PeerBack, PeerLost
from bridge.observe.vocabulary.requests import RequestHandled, RetryDue
from bridge.settings import Settings
from bridge.values import dataclass

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 15.0
_LEDGER_PAUSE: Final = 2.0
_STAGE: Final = "delivery"
_TURN_KEPT: Final = timedelta(hours=72)
"""How late a message may be for its next try and still hold up those behind it: a sender that was stopped for
a weekend finds them in order."""
_LARGEST: Final = 64 * 1024 * 1024
_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        FailureCode.REQUEST_REFUSED: "peer_rejected",
        FailureCode.PROVIDER_ERROR: "peer_error",
        FailureCode.CONFIGURATION: "body_not_kept",
        FailureCode.REQUEST_EXPIRED: "superseded",
    }
)
"""Of the dead letter that was owed when a sender died, by what the ledger has as the code of its end."""


@dataclass(frozen=True, slots=True)
class _TryOutcome:
    """What a try comes to."""

    disposition: Disposition
    state: EndState | None
    facts: TryFacts


class Hl7v2Delivery:
    """A handler of deliveries (`bridge.bus.port.DeliveryHandler`) for `delivery_queue`.

    Args:
        journal: where deliveries are written down.
        peer: where they go.
        settings: of the installation.
        in_hand_for: seconds for which a message is held while the peer is away. Brokers take a message back
            from who holds it for half an hour.
    """

    def __init__(
        self, journal: Journal, peer: Peer, settings: Settings, *, in_hand_for: float = 300.0
    ) -> None:
        self._journal = journal
        self._peer = peer
        self._settings = settings
        self._in_hand = OnePerPatient()
        self._is_lost = False
        self._in_hand_for = in_hand_for

    async def __call__(self, delivery: Delivery) -> Disposition:
        """Handle one delivery, to its outcome; logs the one line about it."""
        started = time.perf_counter()
        try:
            message = read_rendered(delivery)
        except RequestRejected as fault:
            with self.about(delivery):
                return Dead("unreadable", str(fault))
        said: SpanAttributes = {
            "bridge.request_key": message.request_key,
            "bridge.pipeline": HL7V2_DELIVERY,
            "bridge.attempt": delivery.attempt,
            "messaging.message.id": message.id,
        }
        async with self._in_hand.of(message.patient_key):
            with (
                delivering_to_peer(message.request_key, message.trace, message.topic, said) as made,
                self._about_message(message, delivery),
            ):
                outcome = await self._to_outcome(message, delivery)
                told = told_as(outcome.disposition, outcome.state)
                tell_outcome(made, told, outcome.facts)
                record(
                    RequestHandled(
                        outcome=told,
                        duration_ms=round((time.perf_counter() - started) * 1000, 1),
                        operation=message.topic,
                        ended=outcome.state,
                        age_s=_age(message) if outcome.state else None,
                        **outcome.facts,
                    )
                )
                return outcome.disposition

    def about(self, delivery: Delivery) -> AbstractContextManager[None]:
        """Around what a bus logs of a delivery, whether it is handed over or not."""
        try:
            return self._about_message(read_rendered(delivery), delivery)
        except RequestRejected:
            return about_request(opaque_id(delivery.id, is_refused=True), pipeline=HL7V2_DELIVERY)

    def _about_message(self, message: RenderedMessage, delivery: Delivery) -> AbstractContextManager[None]:
        return about_request(
            message.request_key,
            correlation_id=message.correlation_id,
            pipeline=HL7V2_DELIVERY,
            attempt=delivery.attempt,
        )

    async def _to_outcome(self, message: RenderedMessage, delivery: Delivery) -> _TryOutcome:
        facts = _facts(message, delivery)
        while True:
            try:
                begun = await self._journal.requests.begin(facts.opening)
                return await self._go_on(message, delivery, facts, begun)
            except LedgerUnavailable as fault:
                record(LedgerAway(fault.reason, "request"))
            except AuditBroken as fault:
                record(AuditFoundBroken(str(fault)))
            except LeaseLost:
                return _put_off(_LEDGER_PAUSE, "lease_lost")
            # Let go of now, it would come back behind what came later: the ledger may not know it.
            await asyncio.sleep(_LEDGER_PAUSE)

    async def _go_on(
        self, message: RenderedMessage, delivery: Delivery, facts: Facts, begun: BeginResult
    ) -> _TryOutcome:
        match begun:
            case Started(lease):
                try:
                    return await self._try(message, delivery, facts, lease)
                finally:
                    await self._journal.leases.release(lease)
            case Running(until):
                return _put_off(_until(until), "running_elsewhere")
            case Behind(until):
                return _put_off(_until(until), "behind_another")
            case Ended(state="completed"):
                return _TryOutcome(Done(), None, {"reason": "ended_before"})
            case Ended(code=code):
                reason = _REASONS.get(code or "", "unreadable")
                return _TryOutcome(Dead(reason, "as the first time"), None, {"reason": "ended_before"})
            case Conflict():
                taken = "source and id are those of a request"
                return _TryOutcome(Dead("unreadable", taken), None, {"reason": "ended_before"})

    async def _try(
        self, message: RenderedMessage, delivery: Delivery, facts: Facts, lease: Lease
    ) -> _TryOutcome:
        with noting_calls() as calls:
            try:
                outcome = await self._send(message, delivery, lease)
            except (NotKept, KeyUnknown, SealBroken):
                outcome = _dead("body_not_kept", "the vault has it no more", FailureCode.CONFIGURATION)
            except MessageFault as fault:
                outcome = _dead("unreadable", str(fault), FailureCode.INTERNAL)
        if isinstance(outcome.disposition, RetryAfter):
            await self._put_to_wait(facts, lease, outcome, calls)
        else:
            assert outcome.state is not None, "what is not tried again has ended"
            await self._journal.requests.finish(
                lease,
                facts,
                state=outcome.state,
                code=outcome.facts.get("code"),
                events=(),
                calls=calls,
                told=circumstances(outcome.facts, calls, outcome.disposition),
            )
        return outcome

    async def _put_to_wait(
        self, facts: Facts, lease: Lease, outcome: _TryOutcome, calls: list[CallNote]
    ) -> None:
        assert isinstance(outcome.disposition, RetryAfter), "only such an outcome waits"
        await self._journal.requests.wait(
            lease,
            facts,
            seconds=outcome.disposition.seconds,
            code=outcome.disposition.reason,
            is_counted=outcome.disposition.reason == FailureCode.PROVIDER_ERROR,  # else it was not answered
            calls=calls,
            told=circumstances(outcome.facts, calls, outcome.disposition),
        )
        record(RetryDue(**outcome.facts))

    async def _send(self, message: RenderedMessage, delivery: Delivery, lease: Lease) -> _TryOutcome:
        if delivery.given_up is not None:
            return _dead("parked_by_broker", delivery.given_up, FailureCode.INTERNAL)
        is_list = message.snapshot_at is not None
        if is_list and await self._journal.requests.is_superseded(lease.request_key):
            return _dead("superseded", "a newer list was delivered before", FailureCode.REQUEST_EXPIRED)
        er7 = await self._body(message)
        header = read(er7, assumed=UTF_8, max_bytes=_LARGEST).header
        if not header.control_id:
            raise MessageFault("MSH-10", "is required")
        kind = f"{header.code}^{header.trigger}"
        try:
            # Once it was held in vain, it is sent once in each try: tries then add up to the time to give up.
            held_for = self._in_hand_for if lease.attempt == 1 else 0.0
            answer = await self._word_of_peer(er7, kind, header.control_id, sent_held_for=held_for)
        except PeerAway as fault:
            if fault.was_sent:
                return self._not_yet(f"no answer, {fault.reason}", lease)
            return _put_off(
                self._settings.retry.max_delay, FailureCode.PROVIDER_TIMEOUT, f"peer_away {fault.reason}"
            )
        return self._outcome_of(answer, lease)

    async def _body(self, message: RenderedMessage) -> bytes:
        if message.er7 is not None:
            return message.er7
        assert message.claim_id is not None, "a message has a body or a claim check"
        _check, parts = await self._journal.claim_checks.check_out(message.claim_id, HL7V2_DELIVERY)
        return b"".join([part async for part in parts])

    async def _word_of_peer(
        self, er7: bytes, kind: str, control_id: str, *, sent_held_for: float
    ) -> Acknowledgement:
        """Send it until the peer says something about it, or it has been held for long enough.

        Args:
            er7: the message.
            kind: MSH-9.
            control_id: MSH-10.
            sent_held_for: seconds for which it is held when it was sent and the peer said nothing about it.

        Raises:
            PeerAway: it is to wait elsewhere.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = await self._peer.send(er7, kind=kind, control_id=control_id)
            except PeerAway as fault:
                self._note_peer(fault)
                held_for = sent_held_for if fault.was_sent else self._in_hand_for
                if loop.time() + pause > began + held_for:
                    raise
            else:
                self._note_peer(None)
                return answer
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _note_peer(self, fault: PeerAway | None) -> None:
        """Tell when the peer is lost, and when it is back; not of each message."""
        if self._is_lost != (fault is not None):
            self._is_lost = fault is not None
            record(PeerBack() if fault is None else PeerLost(fault.reason))

    def _outcome_of(self, answer: Acknowledgement, lease: Lease) -> _TryOutcome:
        if answer.is_accepted:
            return _TryOutcome(Done(), "completed", {})
        said = f"{answer.word} {answer.why}".strip()
        if answer.is_rejected:
            return _dead("peer_rejected", said, FailureCode.REQUEST_REFUSED)
        return self._not_yet(said, lease)

    def _not_yet(self, said: str, lease: Lease) -> _TryOutcome:
        """It was sent, and not taken: it is tried again, but not for ever."""
        pauses = [self._pause(number) for number in range(1, lease.attempt + 1)]
        if sum(pauses[:-1]) >= self._settings.mllp.give_up_after:
            return _dead("peer_error", said, FailureCode.PROVIDER_ERROR)
        return _put_off(pauses[-1], FailureCode.PROVIDER_ERROR, f"peer_error {said}")

    def _pause(self, attempt: int) -> float:
        policy = self._settings.retry
        return min(policy.max_delay, policy.first_delay * 2.0 ** min(attempt - 1, 20))


def _facts(message: RenderedMessage, delivery: Delivery) -> Facts:
    """What the ledger is told: the event is known by its source and id, and nothing else is looked at."""
    key = message.request_key
    if job := delivery.headers.get(control_headers.REPLAY_JOB):
        key = f"{key} {job}"  # a dead letter that is sent again is one more delivery
    opening = Opening(
        request_key=key,
        pipeline=HL7V2_DELIVERY,
        correlation_id=message.correlation_id,
        body_sha256=sha256(message.request_key.encode()).hexdigest(),
        received_at=datetime.now(UTC),
        patient_key=message.patient_key,
        attempt=delivery.attempt,
        turn_key=f"{HL7V2_DELIVERY} {message.patient_key}",
        turn_kept=_TURN_KEPT,
        own_id=message.id,
        operation=message.topic,
        asked_at=message.snapshot_at,  # a report replaces nothing, so it is neither older nor newer
    )
    return Facts(opening=opening, event=message.topic, person=None, nhs_number=None)


def _put_off(seconds: float, reason: str, detail: str | None = None) -> _TryOutcome:
    facts: TryFacts = {"reason": reason, "retry_in_s": round(seconds, 1)}
    if detail is not None:
        facts = {"code": reason, "stage": _STAGE, "detail": detail, "retry_in_s": round(seconds, 1)}
    return _TryOutcome(RetryAfter(seconds, reason, is_bounded=True), None, facts)


def _dead(reason: str, detail: str, code: FailureCode) -> _TryOutcome:
    facts: TryFacts = {"code": code.value, "stage": _STAGE, "detail": f"{reason} {detail}"}
    return _TryOutcome(Dead(reason, detail), "failed", facts)


def _until(moment: datetime) -> float:
    return max(1.0, (moment - datetime.now(UTC)).total_seconds())


def _age(message: RenderedMessage) -> float | None:
    if message.published_at is None:
        return None
    return round(max(0.0, (datetime.now(UTC) - message.published_at).total_seconds()), 1)
