"""What is written down about requests: the ledger, the audit trail and the answers, as the runner uses them.

Every ending and every wait is one transaction with its audit entry (CS-015, JO-024): neither is there
without the other.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

from bridge.contracts.requests import Requester as Person
from bridge.engine.no_book import NoJournal
from bridge.errors import Misconfigured
from bridge.gpconnect.answer import PracticeAnswer
from bridge.ledger import (
    BeginResult,
    EndState,
    Intent,
    Lease,
    Ledger,
    LedgerUnavailable,
    Opening,
    OwedEvents,
    Reopened,
    StoredEvent,
    UpstreamCall,
    Verdict,
    open_ledger,
)
from bridge.ledger.audit.trail import Actor, AuditBroken, AuditTrail, Entry
from bridge.ledger.keys import Keys, KeyUnknown, NotKept, open_keys
from bridge.ledger.storage.fingerprints import compare, held_by
from bridge.ledger.storage.late import Doubt
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.ledger.vault.vault import Answer, ClaimCheck, Vault
from bridge.observe import CallNote
from bridge.record.dates import rfc3339
from bridge.settings import Settings

log = structlog.get_logger()

_NOTE_EVERY: Final = 15.0
_TO_PRACTICES = frozenset({"ssp", "practice"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the books need to know of a request besides how it ended.

    `person` and `nhs_number` are None when the message could not be read.
    """

    opening: Opening
    event: str
    person: Person | None
    nhs_number: str | None


@dataclass(frozen=True, slots=True)
class Recheck:
    """How a request in doubt goes on.

    `at`: when it is checked again; None: never. `message`: what was asked, for whoever checks.
    """

    at: datetime | None
    message: bytes


class Journal(Protocol):
    """Where requests are written down. Each method returns when that is durable.

    Raises:
        LedgerUnavailable: it cannot be written now: do not acknowledge the message.
        LeaseLost: another worker has the request: publish nothing.
    """

    async def begin(self, opening: Opening) -> BeginResult:
        """Take a request up, or join what is known of it.

        Raises:
            AuditBroken: nothing may be done that cannot be recorded: nothing is taken up.
        """

    def lasts(self, lease: Lease) -> float:
        """Seconds for which the right to work on a request surely lasts: the last word before a send."""

    async def came_late(
        self, lease: Lease, facts: Facts, intent: Intent, *, result: bytes | None, doubt: Doubt
    ) -> bool:
        """Write down what became of an intent whose lease was lost; whether the events of doubt are owed."""

    async def end(
        self,
        lease: Lease,
        facts: Facts,
        *,
        state: EndState,
        code: str | None,
        events: Sequence[StoredEvent],
        calls: Sequence[CallNote],
        doubt: Recheck | None = None,
    ) -> None:
        """Write down how it ended, and what is to be published; of a request in doubt, how it goes on."""

    async def wait(
        self,
        lease: Lease,
        facts: Facts,
        *,
        seconds: float,
        code: str,
        is_counted: bool,
        calls: Sequence[CallNote],
    ) -> None:
        """Write down that it waits for its retry, and whether that is one attempt more."""

    async def intend(self, lease: Lease, *, kind: str, settle_key: str, payload: bytes) -> Intent:
        """Write down what is about to be sent."""

    async def settle(self, lease: Lease, intent: Intent, *, verdict: Verdict, result: bytes | None) -> None:
        """Write down what became of it."""

    async def doubtful(self, pipeline: str) -> Sequence[str]:
        """Requests in doubt of a pipeline that are due to be checked again."""

    async def reopen(self, request_key: str, *, check_again_at: datetime) -> Reopened | None:
        """Take up a request in doubt; None when there is nothing to check, or another worker does."""

    async def release(self, lease: Lease) -> None:
        """Give it back unfinished; nothing to do when it ended or waits."""

    async def published(self, request_key: str, event_ids: Sequence[str]) -> None:
        """Note that the broker holds these events."""

    async def events(self, request_key: str) -> Sequence[StoredEvent]:
        """The stored outcome of a request that ended."""

    async def keep_answer(self, request_key: str, interaction: str, answer: PracticeAnswer) -> None:
        """Keep a practice's answer, encrypted, as long as the site says."""

    async def kept_answers(self, request_key: str) -> Sequence[tuple[str, PracticeAnswer]]:
        """The answers to a request that are kept, oldest first, each with what was asked."""

    async def check_in(
        self, request_key: str, data: bytes, media_type: str, expires_at: datetime
    ) -> ClaimCheck:
        """Keep the data of a large event for its consumers."""

    async def check_out(self, claim_id: str, consumer: str) -> tuple[ClaimCheck, bytes]:
        """The data that was left, once it is noted in the audit trail who takes it.

        Raises:
            NotKept: there is none (any more).
            KeyUnknown, SealBroken: it cannot be opened.
            AuditBroken: the opening cannot be noted.
        """

    async def ready(self) -> Mapping[str, bool]:
        """By name, what it is made of, and whether that can be used now.

        It costs the same however much is in it.
        """

    async def owed(self) -> Sequence[OwedEvents]:
        """Ended requests whose events nobody published."""


class LedgerJournal:
    """The book on a database."""

    def __init__(self, ledger: Ledger, trail: AuditTrail, vault: Vault) -> None:
        self._ledger = ledger
        self._trail = trail
        self._vault = vault
        self.lasts = ledger.lasts
        self.release = ledger.release
        self.published = ledger.published
        self.events = ledger.events
        self.owed = ledger.unpublished
        self.intend = ledger.intend
        self.settle = ledger.settle
        self.doubtful = ledger.doubtful

    async def begin(self, opening: Opening) -> BeginResult:
        """See `Journal.begin`."""
        return await self._ledger.begin(opening, first=self._trail.check)

    async def reopen(self, request_key: str, *, check_again_at: datetime) -> Reopened | None:
        """See `Journal.reopen`."""
        return await self._ledger.reopen(request_key, check_again_at=check_again_at, first=self._trail.check)

    async def came_late(
        self, lease: Lease, facts: Facts, intent: Intent, *, result: bytes | None, doubt: Doubt
    ) -> bool:
        """See `Journal.came_late`."""
        entry = _entry(facts, "in_doubt", doubt.code, ())
        return await self._ledger.came_late(
            lease, intent, result=result, doubt=doubt, also=self._trail.step(entry)
        )

    async def end(
        self,
        lease: Lease,
        facts: Facts,
        *,
        state: EndState,
        code: str | None,
        events: Sequence[StoredEvent],
        calls: Sequence[CallNote],
        doubt: Recheck | None = None,
    ) -> None:
        """See `Journal.end`."""
        await self._ledger.finish(
            lease,
            state=state,
            code=code,
            events=events,
            calls=[_call(note) for note in calls],
            check_at=doubt.at if doubt else None,
            message=doubt.message if doubt else None,
            also=self._trail.step(_entry(facts, state, code, calls)),
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
    ) -> None:
        """See `Journal.wait`."""
        await self._ledger.waiting(
            lease,
            until=datetime.now(UTC) + timedelta(seconds=seconds),
            reason=code,
            is_counted=is_counted,
            calls=[_call(note) for note in calls],
            also=self._trail.step(_entry(facts, "waiting", code, calls)),
        )

    async def check_in(
        self, request_key: str, data: bytes, media_type: str, expires_at: datetime
    ) -> ClaimCheck:
        """See `Journal.check_in`."""
        return await self._vault.store_claim(data, media_type, expires_at, request_key=request_key)

    async def check_out(self, claim_id: str, consumer: str) -> tuple[ClaimCheck, bytes]:
        """See `Journal.check_out`."""
        return await take_claim(self._vault, self._trail, claim_id, facts={"consumer": consumer})

    async def ready(self) -> Mapping[str, bool]:
        """See `Journal.ready`."""
        try:
            await self._ledger.store.read(self._trail.check)
        except LedgerUnavailable:
            return {"ledger": False, "audit": False}
        except AuditBroken:
            return {"ledger": True, "audit": False}
        return {"ledger": True, "audit": True}

    async def keep_answer(self, request_key: str, interaction: str, answer: PracticeAnswer) -> None:
        """See `Journal.keep_answer`."""
        await self._vault.store_answer(
            Answer(
                body=answer.body,
                sha256=answer.body_sha256,
                received_at=datetime.fromisoformat(answer.retrieved_at),
                request_key=request_key,
                interaction=interaction,
                practice_ods=answer.practice_ods,
                trace_id=answer.trace_id,
            )
        )

    async def kept_answers(self, request_key: str) -> Sequence[tuple[str, PracticeAnswer]]:
        """See `Journal.kept_answers`."""
        found = []
        for facts in await self._vault.answers_to(request_key):
            try:
                body = (await self._vault.open_answer(facts.sha256)).body
            except (NotKept, KeyUnknown):
                continue
            received_at = rfc3339(facts.received_at)
            found.append(
                (facts.interaction, PracticeAnswer(body, received_at, facts.trace_id, facts.practice_ods))
            )
        return found


@asynccontextmanager
async def open_journal(settings: Settings) -> AsyncIterator[Journal]:
    """The book of these settings, for as long as the block runs.

    Raises:
        Misconfigured: the database or a key ring cannot be used, or a key is not the ledger's.
        LedgerUnavailable: the database cannot be reached now.
    """
    if not settings.ledger.enabled:
        log.warning("ledger_disabled")
        yield NoJournal()
        return
    keys = open_keys(settings)
    sealer = AesGcmSealer(keys.vault)
    async with open_ledger(settings, sealer) as ledger:
        trail = AuditTrail(ledger.store, keys.audit, sealer)
        await trail.prepare()
        vault = Vault(ledger.store, sealer, keep_answers=timedelta(days=settings.vault.keep_answers_days))
        await _check_keys(ledger, keys, settings)
        noting = asyncio.create_task(_keep_noting(ledger, keys, settings))
        try:
            yield LedgerJournal(ledger, trail, vault)
        finally:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)


async def _check_keys(ledger: Ledger, keys: Keys, settings: Settings) -> None:
    """Whether these are the keys that the ledger is kept with.

    Raises:
        Misconfigured: with every one that is not.
    """
    held = held_by(keys, settings.patient_key or "")
    problems = await ledger.store.write(lambda connection: compare(connection, held))
    if problems:
        raise Misconfigured(*problems)


async def _keep_noting(ledger: Ledger, keys: Keys, settings: Settings) -> None:
    """Note a key that was rotated in while this worker runs, so that no other starts without it."""
    noted = (keys.vault.ring, keys.audit.ring)
    while True:
        await asyncio.sleep(_NOTE_EVERY)
        found = (keys.vault.ring, keys.audit.ring)
        if found == noted:
            continue
        try:
            await _check_keys(ledger, keys, settings)
            noted = found
        except Misconfigured as fault:
            log.error("keys_differ", problems=fault.problems)
        except LedgerUnavailable as fault:
            log.warning("ledger_unavailable", reason=fault.reason)


async def take_claim(
    vault: Vault, trail: AuditTrail, claim_id: str, *, actor: Actor | None = None, facts: Mapping[str, str]
) -> tuple[ClaimCheck, bytes]:
    """The data of a large event, once it is in the audit trail who takes it; see `Journal.check_out`."""
    check, data = await vault.open_claim(claim_id)
    await trail.record(
        Entry(
            event="claim.opened",
            outcome="completed",
            actor=actor,
            request_key=check.request_key,
            facts={**facts, "data_sha256": check.sha256},
        )
    )
    return check, data


def _call(note: CallNote) -> UpstreamCall:
    return UpstreamCall(
        what=note.interaction,
        where=note.where or note.upstream,
        trace_id=note.trace_id,
        status=note.status,
        started_at=note.started_at,
        duration_ms=note.duration_ms,
        code=None if note.outcome == "answered" else note.outcome,
    )


def _entry(facts: Facts, outcome: str, code: str | None, calls: Sequence[CallNote]) -> Entry:
    to_practice = next((note for note in reversed(calls) if note.upstream in _TO_PRACTICES), None)
    return Entry(
        event=facts.event,
        outcome=outcome,
        code=code,
        actor=_actor(facts.person) if facts.person else None,
        patient_key=facts.opening.patient_key,
        nhs_number=facts.nhs_number,
        request_key=facts.opening.request_key,
        correlation_id=facts.opening.correlation_id,
        practice_ods=to_practice.where if to_practice else None,
        interaction=to_practice.interaction if to_practice else None,
        trace_ids=[note.trace_id for note in calls],
    )


def _actor(person: Person) -> Actor:
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
