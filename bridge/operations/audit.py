"""The audit trail as an operator deals with it: whether it is whole, and going on with a broken one.

Entries for an investigation are those of `AuditTrail.export`.
"""

import csv
import io
from collections.abc import Sequence
from typing import Final

from bridge.engine.patient_keys import PatientKeys
from bridge.errors import Misconfigured
from bridge.ledger.audit.browsing import AuditNote, AuditPage, AuditPlace, newest
from bridge.ledger.audit.chain import Head
from bridge.ledger.audit.matching import Unmatched
from bridge.ledger.audit.trail import Actor, AuditBroken, AuditInquiry, AuditTrail
from bridge.ledger.audit.verification import Finding
from bridge.ledger.storage.store import Progress, untold
from bridge.operations import reasons
from bridge.operations.errors import OperationRefused
from bridge.operations.request_csv import cell
from bridge.operations.site import Stores
from bridge.settings import Settings
from bridge.values import dataclass

__all__ = [
    "AuditInquiry",
    "AuditPage",
    "AuditPlace",
    "Head",
    "Verification",
    "as_csv",
    "entries",
    "inquiry",
    "patient_keys",
    "resume",
    "state",
    "verify",
]

AuditFindings = Sequence[Finding | Unmatched]
_COLUMNS: Final = (
    *("event", "outcome", "code", "user_id", "user_name", "organisation", "patient_key", "request_key"),
    *("correlation_id", "practice_ods", "interaction"),
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of checking the trail.

    Attributes:
        findings: what is wrong; as text, one line each.
        heads: of every chain that has entries, to be noted elsewhere: later they show a database that was put
            back.
    """

    findings: AuditFindings
    heads: Sequence[Head]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was changed, removed, added or cut off, and the ledger says the same."""
        return not self.findings


async def verify(
    trail: AuditTrail, known: Sequence[Head] = (), *, progress: Progress = untold
) -> Verification:
    """Check every entry of the trail, and that ledger and trail know the same requests; writes nothing.

    Args:
        trail: may be opened for reading only (`open_trail`).
        known: heads that were noted earlier.
        progress: told now and then how many entries were checked, of how many.
    """
    findings = await trail.verify(known, progress=progress)
    return Verification(findings, [head for head in await trail.heads() if head.sequence])


async def entries(
    stores: Stores,
    *,
    limit: int,
    before: AuditPlace | None = None,
    request_key: str | None = None,
    patient_key: str | None = None,
) -> AuditPage:
    """A page of the trail, the newest first; what is sealed in it stays so. As `newest` takes them."""
    return await newest(
        stores.ledger.store, limit=limit, before=before, request_key=request_key, patient_key=patient_key
    )


def as_csv(notes: Sequence[AuditNote]) -> str:
    """Entries as CSV: a line of headings, then one for each."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["recorded_at", *_COLUMNS, "facts"])
    for note in notes:
        facts = "; ".join(f"{name}: {value}" for name, value in note.facts.items())
        values = (note.place.recorded_at, *(getattr(note, name) for name in _COLUMNS), facts)
        writer.writerow([cell(value) for value in values])
    return text.getvalue()


async def state(stores: Stores) -> str | None:
    """Why the trail takes no entries now; None when it takes them. Whether it is whole `verify` tells."""
    try:
        await stores.trail.look()
    except AuditBroken as fault:
        return str(fault)
    return None


async def resume(stores: Stores, *, actor: Actor, reason: str) -> AuditFindings:
    """Go on with a broken trail; what was wrong with it, as it is noted there now with the reason.

    Raises:
        ReasonMissing: the reason is blank.
        OperationRefused: it takes entries as it is.
    """
    why = reasons.given(reason)
    try:
        await stores.trail.look()
    except AuditBroken:
        return await stores.trail.resume(actor, why)
    raise OperationRefused("the trail takes entries: there is nothing to resume")


def inquiry(actor: Actor, reason: str | None) -> AuditInquiry:
    """For whom and why `AuditTrail.export` opens what is sealed in its entries; it is noted there.

    Raises:
        ReasonMissing: nothing is opened without one.
    """
    return AuditInquiry(actor=actor, reason=reasons.given(reason))


def patient_keys(settings: Settings) -> PatientKeys:
    """What turns an NHS number into the key by which the trail knows a patient.

    Raises:
        Misconfigured: this installation has no such key.
    """
    if settings.patient_key is None:
        raise Misconfigured("BRIDGE_PATIENT_KEY or BRIDGE_PATIENT_KEY_FILE: is required")
    return PatientKeys(settings.patient_key)
