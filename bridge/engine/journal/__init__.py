"""What is written down about requests, as the engine uses it: one protocol for each subject.

Where the ledger does a step as it is, the ledger itself is the journal's part; a part of the engine's own is
there only where something is added, such as the audit entry in the same transaction (CS-015, JO-024).
"""

from bridge.engine.journal.answers import AnswerJournal
from bridge.engine.journal.bases import BaseJournal
from bridge.engine.journal.claim_checks import ClaimCheckJournal
from bridge.engine.journal.requests import LeaseJournal, OutboxJournal, QualityJournal, RequestJournal
from bridge.engine.journal.side_effects import SideEffectJournal
from bridge.engine.journal.sightings import AskJournal, SightingJournal
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Journal:
    """Where requests are written down. Each method of its parts returns when that is durable.

    Any of them may raise `LedgerUnavailable`: it cannot be written now, so the message is not acknowledged.
    What a part is given a lease for raises `LeaseLost` when another worker has the request: nothing is
    published then.

    Attributes:
        requests: how they begin, wait and end, with the audit trail.
        leases: the right to work on a request.
        outbox: events that are owed.
        side_effects: what is about to be caused at a practice, and what became of it.
        answers: of practices, kept encrypted.
        claim_checks: the data of large events.
        quality: how good records are, counted.
        sightings: what this worker sees of those it calls.
        asks: practices that an operator wants asked.
        bases: what patients' next answers are compared with.
    """

    requests: RequestJournal
    leases: LeaseJournal
    outbox: OutboxJournal
    side_effects: SideEffectJournal
    answers: AnswerJournal
    claim_checks: ClaimCheckJournal
    quality: QualityJournal
    sightings: SightingJournal
    asks: AskJournal
    bases: BaseJournal
