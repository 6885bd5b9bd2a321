"""How requests begin, wait and end, in one transaction with the audit entry: neither is there alone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from bridge.contracts.requests import Requester as Person
from bridge.ledger import (
    BeginResult,
    Circumstances,
    EndState,
    FollowUp,
    Intent,
    Lease,
    Ledger,
    LedgerUnavailable,
    Opening,
    OwedEvents,
    RecordedCall,
    Reopened,
    Reopening,
    StoredEvent,
    Unfinished,
)
from bridge.ledger.audit.trail import Actor, AuditBroken, AuditTrail, Entry
from bridge.ledger.storage.store import LedgerStep, in_turn
from bridge.observe import CallNote
from bridge.observe.spans import timed
from bridge.values import dataclass

_TO_PRACTICES: Final = frozenset({"ssp", "practice"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the journal needs to know of a request besides how it ended.

    `person` and `nhs_number` are None when the message could not be read. `answers` keep what practices
    answered in this try (`AnswerJournal.sealed`), in the transaction in which it ends.
    """

    opening: Opening
    event: str
    person: Person | None
    nhs_number: str | None
    answers: Sequence[LedgerStep[None]] = ()


class RequestJournal(Protocol):
    """The life of a request, with the audit trail; see `Journal` for what is raised."""

    async def begin(self, opening: Opening) -> BeginResult:
        """Take a request up, or join what is known of it.

        Raises:
            AuditBroken: nothing may be done that cannot be recorded: nothing is taken up.
        """

    async def finish(
        self,
        lease: Lease,
        facts: Facts,
        *,
        state: EndState,
        code: str | None,
        events: Sequence[StoredEvent],
        calls: Sequence[CallNote],
        told: Circumstances,
        follow_up: FollowUp | None = None,
    ) -> None:
        """Write down how it ended, what is to be published, and what is needed to check or ask again.

        Raises:
            BaseMoved: another request about the patient ended meanwhile; this one has not.
        """

    async def wait(
        self,
        lease: Lease,
        facts: Facts,
        *,
        seconds: float,
        code: str,
        is_counted: bool,
        calls: Sequence[CallNote],
        told: Circumstances,
    ) -> None:
        """Write down that it waits for its retry, and whether that is one attempt more."""

    async def reopen(self, request_key: str, *, check_again_at: datetime) -> Reopened | None:
        """Take up a request in doubt; None when there is nothing to check, or another worker does."""

    async def came_late(
        self, lease: Lease, facts: Facts, intent: Intent, *, result: bytes | None, reopening: Reopening
    ) -> bool:
        """Write down what became of an intent whose lease was lost; whether the events of doubt are owed."""

    async def is_superseded(self, request_key: str) -> bool:
        """Whether one of the same turn and operation has completed that was asked later."""

    async def count_unfinished(self) -> Unfinished | None:
        """How much has not ended, is in doubt, or is owed; None when nothing is written down.

        It costs the same however much is in it.
        """

    async def ready(self) -> Mapping[str, bool]:
        """By name, what the journal is made of, and whether that can be used now.

        It costs the same however much is in it.
        """


class LeaseJournal(Protocol):
    """The right to work on a request. The ledger's own steps."""

    async def release(self, lease: Lease) -> None:
        """Give the request back unfinished; nothing to do when it ended or waits."""


class OutboxJournal(Protocol):
    """Events that were written down with the end of their request. The ledger's own steps."""

    async def stored_events(self, request_key: str) -> Sequence[StoredEvent]:
        """The stored outcome of a request that ended."""

    async def published(self, request_key: str, event_ids: Collection[str]) -> None:
        """Note that the broker holds these events."""

    async def unpublished(self) -> Sequence[OwedEvents]:
        """Ended requests whose events nobody published."""


class QualityJournal(Protocol):
    """What requests leave of how good records were. The ledger's own step."""

    async def fold_quality(self) -> bool:
        """Count some of it by day; whether more may be left."""


class AuditedRequests:
    """The life of a request on the ledger, each step in one transaction with its audit entry."""

    def __init__(self, ledger: Ledger, trail: AuditTrail) -> None:
        self._ledger = ledger
        self._trail = trail

    async def begin(self, opening: Opening) -> BeginResult:
        """See `RequestJournal.begin`."""
        with timed("ledger"):
            return await self._ledger.begin(opening, first=self._trail.check)

    async def finish(
        self,
        lease: Lease,
        facts: Facts,
        *,
        state: EndState,
        code: str | None,
        events: Sequence[StoredEvent],
        calls: Sequence[CallNote],
        told: Circumstances,
        follow_up: FollowUp | None = None,
    ) -> None:
        """See `RequestJournal.finish`."""
        with timed("ledger"):
            await self._ledger.finish(
                lease,
                state=state,
                code=code,
                events=events,
                calls=[_call(note) for note in calls],
                told=told,
                follow_up=follow_up,
                also=self._last(facts, state, code, calls),
            )

    async def wait(
        self,
        lease: Lease,
        facts: Facts,
        *,
        seconds: float,
        code: str,
        is_counted: bool,
        calls: Sequence[CallNote],
        told: Circumstances,
    ) -> None:
        """See `RequestJournal.wait`."""
        with timed("ledger"):
            await self._ledger.wait(
                lease,
                until=datetime.now(UTC) + timedelta(seconds=seconds),
                reason=code,
                is_counted=is_counted,
                calls=[_call(note) for note in calls],
                told=told,
                also=self._last(facts, "waiting", code, calls),
            )

    def _last(
        self, facts: Facts, outcome: str, code: str | None, calls: Sequence[CallNote]
    ) -> LedgerStep[None]:
        """Keeps the answers, then adds the audit entry."""
        return in_turn(*facts.answers, self._trail.step(_entry(facts, outcome, code, calls)))

    async def reopen(self, request_key: str, *, check_again_at: datetime) -> Reopened | None:
        """See `RequestJournal.reopen`."""
        return await self._ledger.reopen(request_key, check_again_at=check_again_at, first=self._trail.check)

    async def came_late(
        self, lease: Lease, facts: Facts, intent: Intent, *, result: bytes | None, reopening: Reopening
    ) -> bool:
        """See `RequestJournal.came_late`."""
        entry = _entry(facts, "in_doubt", reopening.code, ())
        return await self._ledger.came_late(
            lease, intent, result=result, reopening=reopening, also=self._trail.step(entry)
        )

    async def is_superseded(self, request_key: str) -> bool:
        """See `RequestJournal.is_superseded`."""
        return await self._ledger.is_superseded(request_key)

    async def count_unfinished(self) -> Unfinished:
        """See `RequestJournal.count_unfinished`."""
        return await self._ledger.oversight.count_unfinished()

    async def ready(self) -> Mapping[str, bool]:
        """See `RequestJournal.ready`."""
        try:
            await self._ledger.store.read(self._trail.check)
        except LedgerUnavailable:
            return {"ledger": False, "audit": False}
        except AuditBroken:
            return {"ledger": True, "audit": False}
        return {"ledger": True, "audit": True}


def _call(note: CallNote) -> RecordedCall:
    return RecordedCall(
        what=note.interaction,
        where=note.where or note.upstream,
        trace_id=note.trace_id,
        status=note.status,
        started_at=note.started_at,
        duration_ms=note.duration_ms,
        code=None if note.result == "answered" else note.result,
    )


def _entry(facts: Facts, outcome: str, code: str | None, calls: Sequence[CallNote]) -> Entry:
    to_practice = next((note for note in reversed(calls) if note.upstream in _TO_PRACTICES), None)
    return Entry(
        event=facts.event,
        outcome=outcome,
        code=code,
        actor=actor_of(facts.person) if facts.person else None,
        patient_key=facts.opening.patient_key,
        nhs_number=facts.nhs_number,
        request_key=facts.opening.request_key,
        correlation_id=facts.opening.correlation_id,
        practice_ods=to_practice.where if to_practice else None,
        interaction=to_practice.interaction if to_practice else None,
        trace_ids=[note.trace_id for note in calls],
    )


def actor_of(person: Person) -> Actor:
    """Who asks, for the audit trail."""
    names = (person.prefix, *person.given_names, person.family_name)
    return Actor(
        user_id=person.user_id,
        name=" ".join(name for name in names if name),
        role=person.role,
        organisation=person.organisation.ods_code,
        organisation_name=person.organisation.name,
        sds_user_id=person.sds_user_id,
        sds_role_profile_id=person.sds_role_profile_id,
    )
